#include "proto/cpp/task_checks.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"

namespace pretext {
namespace {

constexpr int64_t kLargestTile = 4096;  // pixels

void CheckMoco(const v1::MocoSpec& moco, int64_t batch_size, const SpecChecker& check) {
  check.KnownValue("version", moco.version(), v1::MocoSpec::Version_IsValid);
  if (moco.has_queue_length()) {
    if (moco.queue_length() <= 0) {
      check.Fault("queue_length", absl::StrCat("must be more than 0, not ", moco.queue_length()));
    } else if (batch_size > 0 && moco.queue_length() % batch_size != 0) {
      const int64_t below = moco.queue_length() / batch_size * batch_size;
      check.Fault("queue_length",
                  absl::StrCat("must be a multiple of the pictures encoded at once (", batch_size, "), not ",
                               moco.queue_length(), "; ", below > 0 ? absl::StrCat(below, " or ") : "",
                               below + batch_size, " would be"));
    }
  }
  if (moco.has_momentum()) check.InRange("momentum", moco.momentum(), 0, 1);
  if (moco.has_temperature()) check.Positive("temperature", moco.temperature());
  if (moco.has_embedding_size()) check.CountInRange("embedding_size", moco.embedding_size(), 2, 8192);
  CheckAugment(moco.augment(), check.Within("augment"), /*keeps_colors=*/false);
}

// Options of the other method would have no effect.
void CheckMethod(const v1::ColorizationSpec& colorization, const SpecChecker& check) {
  check.KnownValue("method", colorization.method(), v1::ColorizationSpec::Method_IsValid);
  const bool at_points = colorization.method() == v1::ColorizationSpec::LARSSON;
  const auto belongs_to = [&](bool larsson, absl::string_view field, bool set) {
    if (!set || larsson == at_points) return;
    check.Fault(field,
                absl::StrCat("is an option of the method ", larsson ? "larsson" : "zhang", ", and method is ",
                             at_points ? "larsson" : "zhang", ": leave it out, or change method"));
  };
  belongs_to(false, "neighbours", colorization.has_neighbours());
  belongs_to(false, "sigma", colorization.has_sigma());
  belongs_to(false, "uniform_share", colorization.has_uniform_share());
  belongs_to(false, "prior_samples", colorization.has_prior_samples());
  belongs_to(true, "points", colorization.has_points());
  belongs_to(true, "window", colorization.has_window());
  belongs_to(true, "hue_weight", colorization.has_hue_weight());
}

void CheckColorization(const v1::ColorizationSpec& colorization, const v1::DataSpec* data,
                       const SpecChecker& check) {
  if (data != nullptr && data->channels() == 1) {
    check.Fault("predicts colours, but data.channels is 1 (grey): take the task out, or set channels to 3");
  }
  CheckMethod(colorization, check);
  if (colorization.has_points()) check.CountInRange("points", colorization.points(), 1, 4096);
  if (colorization.has_window()) {
    check.CountInRange("window", colorization.window(), 1, kLargestTile);
    if (colorization.window() > 0 && colorization.window() % 2 == 0) {
      check.Fault("window",
                  absl::StrCat("must be odd, so that it has a middle, not ", colorization.window()));
    }
  }
  if (colorization.has_hue_weight()) check.NotNegative("hue_weight", colorization.hue_weight());
  if (colorization.has_neighbours()) check.CountInRange("neighbours", colorization.neighbours(), 1, 313);
  if (colorization.has_sigma()) check.Positive("sigma", colorization.sigma());
  const double uniform_share = colorization.uniform_share();
  if (colorization.has_uniform_share() && !(uniform_share > 0 && uniform_share <= 1)) {
    check.Fault("uniform_share", absl::StrCat("must be more than 0 and at most 1, not ", uniform_share));
  }
  if (colorization.has_prior_samples())
    check.CountInRange("prior_samples", colorization.prior_samples(), 1, 1000000);
  CheckAugment(colorization.augment(), check.Within("augment"), /*keeps_colors=*/true);
}

void CheckContextPrediction(const v1::ContextPredictionSpec& context, const SpecChecker& check) {
  if (context.has_patch()) check.CountInRange("patch", context.patch(), 1, kLargestTile);
  if (context.has_gap()) check.CountInRange("gap", context.gap(), 0, kLargestTile);
  if (context.has_jitter()) check.CountInRange("jitter", context.jitter(), 0, kLargestTile);
  check.KnownValue("color", context.color(), v1::ContextPredictionSpec::Color_IsValid);
  if (context.has_coarse_probability()) {
    check.Probability("coarse_probability", context.coarse_probability());
  }
  CheckAugment(context.augment(), check.Within("augment"), /*keeps_colors=*/false);
}

void CheckJigsaw(const v1::JigsawSpec& jigsaw, const SpecChecker& check) {
  if (jigsaw.has_grid()) check.CountInRange("grid", jigsaw.grid(), 2, 3);
  if (jigsaw.has_gap()) check.CountInRange("gap", jigsaw.gap(), 0, kLargestTile);
  if (jigsaw.has_permutations()) {
    check.CountInRange("permutations", jigsaw.permutations(), 2, jigsaw.grid() == 2 ? 24 : 2000);
  }
  check.KnownValue("rule", jigsaw.rule(), v1::JigsawSpec::Rule_IsValid);
  if (jigsaw.has_channel_shift()) check.CountInRange("channel_shift", jigsaw.channel_shift(), 0, 64);
  if (jigsaw.has_occluded_tiles()) check.CountInRange("occluded_tiles", jigsaw.occluded_tiles(), 0, 2);
  if (jigsaw.occluded_tiles() > 0 && jigsaw.grid() == 2) {
    check.Fault("occluded_tiles", "must be 0 with four tiles: two orders can differ in two tiles alone");
  }
  CheckAugment(jigsaw.augment(), check.Within("augment"), /*keeps_colors=*/false);
}

// The fields of a task with a memory bank.
template <typename TaskMessage>
void CheckBank(const TaskMessage& task, const SpecChecker& check) {
  if (task.has_negatives()) check.CountInRange("negatives", task.negatives(), 1, int64_t{1} << 24);
  if (task.has_temperature()) check.Positive("temperature", task.temperature());
  if (task.has_bank_momentum()) check.InRange("bank_momentum", task.bank_momentum(), 0, 1);
  if (task.has_embedding_size()) check.CountInRange("embedding_size", task.embedding_size(), 2, 8192);
  check.KnownValue("loss", task.loss(), v1::ContrastLoss_IsValid);
  CheckAugment(task.augment(), check.Within("augment"), /*keeps_colors=*/false);
}

void CheckPirl(const v1::PirlSpec& pirl, const SpecChecker& check) {
  CheckBank(pirl, check);
  check.KnownValue("change", pirl.change(), v1::PirlSpec::Change_IsValid);
  if (pirl.has_copy_share()) check.InRange("copy_share", pirl.copy_share(), 0, 1);
  if (pirl.has_grid()) check.CountInRange("grid", pirl.grid(), 2, 3);
  if (pirl.has_gap()) check.CountInRange("gap", pirl.gap(), 0, kLargestTile);
  CheckAugment(pirl.copy_augment(), check.Within("copy_augment"), /*keeps_colors=*/false);
}

// The fields of a task that gives pictures back.
template <typename TaskMessage>
void CheckReconstruction(const TaskMessage& task, const SpecChecker& check) {
  if (task.has_code_size()) check.CountInRange("code_size", task.code_size(), 1, 65536);
  if (task.has_prior_samples()) check.CountInRange("prior_samples", task.prior_samples(), 1, 1000000);
  CheckAugment(task.augment(), check.Within("augment"), /*keeps_colors=*/false);
}

void CheckDenoising(const v1::DenoisingSpec& denoising, const SpecChecker& check) {
  CheckReconstruction(denoising, check);
  check.KnownValue("damage", denoising.damage(), v1::DenoisingSpec::Damage_IsValid);
  if (!denoising.has_amount()) return;
  const bool is_share = denoising.damage() == v1::DenoisingSpec::MASK ||
                        denoising.damage() == v1::DenoisingSpec::SALT_AND_PEPPER;
  check.InRange("amount", denoising.amount(), 0, is_share ? 1 : 10);
}

void CheckInpainting(const v1::InpaintingSpec& inpainting, const SpecChecker& check) {
  check.KnownValue("hole", inpainting.hole(), v1::InpaintingSpec::Hole_IsValid);
  if (inpainting.has_rim()) check.CountInRange("rim", inpainting.rim(), 0, kLargestTile);
  if (inpainting.has_rim_weight()) check.Positive("rim_weight", inpainting.rim_weight());
  if (inpainting.has_adversarial_share()) {
    check.InRange("adversarial_share", inpainting.adversarial_share(), 0, 1);
  }
  if (inpainting.has_adversary_rate()) check.Positive("adversary_rate", inpainting.adversary_rate());
  const double whole_share = inpainting.whole_share();
  if (!(whole_share >= 0 && whole_share < 1)) {
    check.Fault("whole_share", absl::StrCat("must be at least 0 and less than 1, not ", whole_share));
  }
  if (inpainting.has_prior_samples()) {
    check.CountInRange("prior_samples", inpainting.prior_samples(), 1, 1000000);
  }
  CheckAugment(inpainting.augment(), check.Within("augment"), /*keeps_colors=*/false);
}

void CheckSpotArtifacts(const v1::SpotArtifactsSpec& spot, const SpecChecker& check) {
  const auto part = [&check](absl::string_view field, bool set, double value) {
    if (!set || (value > 0 && value < 1)) return;
    check.Fault(field, absl::StrCat("must be more than 0 and less than 1, not ", value));
  };
  part("preparing_share", spot.has_preparing_share(), spot.preparing_share());
  part("keep_share", spot.has_keep_share(), spot.keep_share());
  if (spot.has_mask_weight()) check.NotNegative("mask_weight", spot.mask_weight());
  if (spot.has_repair_weight()) check.NotNegative("repair_weight", spot.repair_weight());
  if (spot.has_repair_rate()) check.Positive("repair_rate", spot.repair_rate());
  if (spot.has_width()) check.CountInRange("width", spot.width(), 1, 256);
  CheckAugment(spot.augment(), check.Within("augment"), /*keeps_colors=*/false);
}

}  // namespace

void CheckAugment(const v1::AugmentSpec& augment, const SpecChecker& check, bool keeps_colors) {
  const auto in_unit = [&](absl::string_view field, bool set, double value) {
    if (set) check.Probability(field, value);
  };
  const auto changes_color = [&](absl::string_view field, bool set, double value) {
    in_unit(field, set, value);
    if (!keeps_colors || !(value > 0 && value <= 1)) return;
    check.Fault(field,
                absl::StrCat("must be 0: it changes colours, which are what the task predicts; not ", value));
  };
  const bool crop_is_valid = augment.crop_scale_min() > 0 && augment.crop_scale_min() <= 1;
  if (augment.has_crop_scale_min() && !crop_is_valid) {
    check.Fault("crop_scale_min",
                absl::StrCat("must be more than 0 and at most 1, not ", augment.crop_scale_min()));
  }
  if (augment.has_crop_scale_max()) {
    const double least = augment.has_crop_scale_min() && crop_is_valid ? augment.crop_scale_min() : 0;
    check.InRange("crop_scale_max", augment.crop_scale_max(), least, 1);
  }
  in_unit("flip_probability", augment.has_flip_probability(), augment.flip_probability());
  changes_color("jitter_probability", augment.has_jitter_probability(), augment.jitter_probability());
  if (augment.has_brightness()) check.NotNegative("brightness", augment.brightness());
  if (augment.has_contrast()) check.NotNegative("contrast", augment.contrast());
  if (augment.has_saturation()) check.NotNegative("saturation", augment.saturation());
  if (augment.has_hue()) check.InRange("hue", augment.hue(), 0, 0.5);
  changes_color("gray_probability", augment.has_gray_probability(), augment.gray_probability());
  in_unit("blur_probability", augment.has_blur_probability(), augment.blur_probability());
  if (augment.has_blur_sigma_min()) check.Positive("blur_sigma_min", augment.blur_sigma_min());
  if (augment.has_blur_sigma_max()) {
    check.InRange("blur_sigma_max", augment.blur_sigma_max(), augment.blur_sigma_min(), 100);
  }
  changes_color("solarize_probability", augment.has_solarize_probability(), augment.solarize_probability());
}

void CheckTask(const v1::TaskSpec& task, int64_t batch_size, const v1::DataSpec* data,
               const SpecChecker& check) {
  if (task.has_weight()) check.NotNegative("weight", task.weight());
  switch (task.task_case()) {
    case v1::TaskSpec::kMoco:
      return CheckMoco(task.moco(), batch_size, check.Within("moco"));
    case v1::TaskSpec::kRotation:
      return CheckAugment(task.rotation().augment(), check.Within("rotation").Within("augment"),
                          /*keeps_colors=*/false);
    case v1::TaskSpec::kColorization:
      return CheckColorization(task.colorization(), data, check.Within("colorization"));
    case v1::TaskSpec::kContextPrediction:
      return CheckContextPrediction(task.context_prediction(), check.Within("context_prediction"));
    case v1::TaskSpec::kJigsaw:
      return CheckJigsaw(task.jigsaw(), check.Within("jigsaw"));
    case v1::TaskSpec::kInstanceDiscrimination:
      return CheckBank(task.instance_discrimination(), check.Within("instance_discrimination"));
    case v1::TaskSpec::kPirl:
      return CheckPirl(task.pirl(), check.Within("pirl"));
    case v1::TaskSpec::kAutoencoder:
      return CheckReconstruction(task.autoencoder(), check.Within("autoencoder"));
    case v1::TaskSpec::kDenoising:
      return CheckDenoising(task.denoising(), check.Within("denoising"));
    case v1::TaskSpec::kInpainting:
      return CheckInpainting(task.inpainting(), check.Within("inpainting"));
    case v1::TaskSpec::kSpotArtifacts:
      return CheckSpotArtifacts(task.spot_artifacts(), check.Within("spot_artifacts"));
    case v1::TaskSpec::TASK_NOT_SET:
      check.Fault(absl::StrCat("must name a task: ", TaskNames()));
  }
}

std::string TaskNames() {
  const auto* tasks = v1::TaskSpec::descriptor()->FindOneofByName("task");
  std::string names;
  for (int i = 0; i < tasks->field_count(); ++i) {
    const bool is_last = i + 1 == tasks->field_count();
    absl::StrAppend(&names, i == 0 ? "" : is_last ? " or " : ", ", tasks->field(i)->name());
  }
  return names;
}

}  // namespace pretext
