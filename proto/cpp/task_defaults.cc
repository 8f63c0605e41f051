#include "proto/cpp/task_defaults.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace pretext {
namespace {

constexpr int32_t kSmallPicture = 64;
constexpr int32_t kLongestQueue = 65536;

// Sets `field` of `message` to `value` unless it is set.
#define PRETEXT_DEFAULT(message, field, value) \
  if (!(message)->has_##field()) (message)->set_##field(value)

v1::AugmentSpec MakeAugment(double crop_scale_min) {
  v1::AugmentSpec augment;
  augment.set_crop_scale_min(crop_scale_min);
  augment.set_crop_scale_max(1);
  augment.set_flip_probability(0.5);
  augment.set_jitter_probability(0);
  augment.set_brightness(0);
  augment.set_contrast(0);
  augment.set_saturation(0);
  augment.set_hue(0);
  augment.set_gray_probability(0);
  augment.set_blur_probability(0);
  augment.set_blur_sigma_min(0.1);
  augment.set_blur_sigma_max(2);
  augment.set_solarize_probability(0);
  return augment;
}

// With image_size unknown (0), blur stays as it was.
void FillAugmentOf(v1::AugmentSpec* augment, v1::AugmentSpec defaults, int32_t image_size) {
  if (image_size == 0) defaults.clear_blur_probability();
  *augment = FillAugment(*augment, defaults);
}

void ApplyDefaultsToMoco(v1::MocoSpec* moco, const v1::PretrainStage& stage) {
  if (moco->version() == v1::MocoSpec::VERSION_UNSPECIFIED) moco->set_version(v1::MocoSpec::V2);
  const bool first_version = moco->version() == v1::MocoSpec::V1;
  if (stage.has_max_steps()) PRETEXT_DEFAULT(moco, momentum, ResolveMocoMomentum(*moco, stage.max_steps()));
  PRETEXT_DEFAULT(moco, temperature, first_version ? 0.07 : 0.2);
  PRETEXT_DEFAULT(moco, embedding_size, 128);
  PRETEXT_DEFAULT(moco, symmetric, false);
  const v1::AugmentSpec augment = DefaultMocoAugment(moco->version(), stage.image_size());
  if (first_version) {
    *moco->mutable_augment() = FillAugment(moco->augment(), augment);  // no blur, whatever the size
  } else {
    FillAugmentOf(moco->mutable_augment(), augment, stage.image_size());
  }
}

// Of the method's own options; what it does not use stays unset.
void ApplyDefaultsToColorization(v1::ColorizationSpec* colorization) {
  if (colorization->method() == v1::ColorizationSpec::METHOD_UNSPECIFIED) {
    colorization->set_method(v1::ColorizationSpec::ZHANG);
  }
  if (colorization->method() == v1::ColorizationSpec::LARSSON) {
    PRETEXT_DEFAULT(colorization, points, 128);
    PRETEXT_DEFAULT(colorization, hue_weight, 5);
  } else {
    PRETEXT_DEFAULT(colorization, neighbours, 5);
    PRETEXT_DEFAULT(colorization, sigma, 5);
    PRETEXT_DEFAULT(colorization, uniform_share, 0.5);
    PRETEXT_DEFAULT(colorization, prior_samples, 2000);
  }
  v1::AugmentSpec* augment = colorization->mutable_augment();
  *augment = FillAugment(*augment, DefaultColorizationAugment());
}

void ApplyDefaultsToPirl(v1::PirlSpec* pirl) {
  if (pirl->change() == v1::PirlSpec::CHANGE_UNSPECIFIED) pirl->set_change(v1::PirlSpec::JIGSAW);
  PRETEXT_DEFAULT(pirl, copy_share, 0.5);
  PRETEXT_DEFAULT(pirl, temperature, 0.07);
  PRETEXT_DEFAULT(pirl, bank_momentum, 0.5);
  PRETEXT_DEFAULT(pirl, embedding_size, 128);
  if (pirl->loss() == v1::CONTRAST_LOSS_UNSPECIFIED) pirl->set_loss(v1::NCE);
  *pirl->mutable_augment() = FillAugment(pirl->augment(), DefaultPirlAugment());
  *pirl->mutable_copy_augment() = FillAugment(pirl->copy_augment(), DefaultPirlCopyAugment());
}

void ApplyDefaultsToInpainting(v1::InpaintingSpec* inpainting) {
  if (inpainting->hole() == v1::InpaintingSpec::HOLE_UNSPECIFIED) {
    inpainting->set_hole(v1::InpaintingSpec::REGION);
  }
  PRETEXT_DEFAULT(inpainting, rim_weight, 10);
  PRETEXT_DEFAULT(inpainting, adversarial_share, 0);
  PRETEXT_DEFAULT(inpainting, adversary_rate, 2e-4);
  PRETEXT_DEFAULT(inpainting, whole_share, 0);
  PRETEXT_DEFAULT(inpainting, prior_samples, 2000);
  *inpainting->mutable_augment() = FillAugment(inpainting->augment(), DefaultReconstructionAugment());
}

void ApplyDefaultsToSpotArtifacts(v1::SpotArtifactsSpec* spot) {
  PRETEXT_DEFAULT(spot, preparing_share, 0.3);
  PRETEXT_DEFAULT(spot, keep_share, 0.3);
  PRETEXT_DEFAULT(spot, mask_weight, 0.1);
  PRETEXT_DEFAULT(spot, repair_weight, 30);
  PRETEXT_DEFAULT(spot, repair_rate, 3e-4);
  PRETEXT_DEFAULT(spot, width, 32);
  *spot->mutable_augment() = FillAugment(spot->augment(), DefaultSpotArtifactsAugment());
}

}  // namespace

void ApplyTaskDefaults(const v1::PretrainStage& stage, v1::TaskSpec* task) {
  PRETEXT_DEFAULT(task, weight, 1);
  switch (task->task_case()) {
    case v1::TaskSpec::kMoco:
      ApplyDefaultsToMoco(task->mutable_moco(), stage);
      return;
    case v1::TaskSpec::kRotation: {
      v1::AugmentSpec* augment = task->mutable_rotation()->mutable_augment();
      *augment = FillAugment(*augment, DefaultRotationAugment());
      return;
    }
    case v1::TaskSpec::kColorization:
      return ApplyDefaultsToColorization(task->mutable_colorization());
    case v1::TaskSpec::kContextPrediction: {
      v1::ContextPredictionSpec* context = task->mutable_context_prediction();
      if (context->color() == v1::ContextPredictionSpec::COLOR_UNSPECIFIED) {
        context->set_color(v1::ContextPredictionSpec::DROP);
      }
      PRETEXT_DEFAULT(context, coarse_probability, 0.33);
      *context->mutable_augment() = FillAugment(context->augment(), DefaultContextPredictionAugment());
      return;
    }
    case v1::TaskSpec::kJigsaw: {
      v1::JigsawSpec* jigsaw = task->mutable_jigsaw();
      if (jigsaw->rule() == v1::JigsawSpec::RULE_UNSPECIFIED) jigsaw->set_rule(v1::JigsawSpec::MAX_MIN);
      PRETEXT_DEFAULT(jigsaw, occluded_tiles, 0);
      *jigsaw->mutable_augment() = FillAugment(jigsaw->augment(), DefaultJigsawAugment());
      return;
    }
    case v1::TaskSpec::kInstanceDiscrimination: {
      v1::InstanceDiscriminationSpec* instance = task->mutable_instance_discrimination();
      PRETEXT_DEFAULT(instance, temperature, 0.07);
      PRETEXT_DEFAULT(instance, bank_momentum, 0.5);
      PRETEXT_DEFAULT(instance, embedding_size, 128);
      if (instance->loss() == v1::CONTRAST_LOSS_UNSPECIFIED) instance->set_loss(v1::NCE);
      *instance->mutable_augment() = FillAugment(instance->augment(), DefaultInstanceAugment());
      return;
    }
    case v1::TaskSpec::kPirl:
      return ApplyDefaultsToPirl(task->mutable_pirl());
    case v1::TaskSpec::kAutoencoder: {
      v1::AutoencoderSpec* autoencoder = task->mutable_autoencoder();
      PRETEXT_DEFAULT(autoencoder, code_size, 128);
      PRETEXT_DEFAULT(autoencoder, prior_samples, 2000);
      *autoencoder->mutable_augment() = FillAugment(autoencoder->augment(), DefaultReconstructionAugment());
      return;
    }
    case v1::TaskSpec::kDenoising: {
      v1::DenoisingSpec* denoising = task->mutable_denoising();
      if (denoising->damage() == v1::DenoisingSpec::DAMAGE_UNSPECIFIED) {
        denoising->set_damage(v1::DenoisingSpec::GAUSSIAN);
      }
      PRETEXT_DEFAULT(denoising, amount, 0.25);
      PRETEXT_DEFAULT(denoising, code_size, 128);
      PRETEXT_DEFAULT(denoising, prior_samples, 2000);
      *denoising->mutable_augment() = FillAugment(denoising->augment(), DefaultReconstructionAugment());
      return;
    }
    case v1::TaskSpec::kInpainting:
      return ApplyDefaultsToInpainting(task->mutable_inpainting());
    case v1::TaskSpec::kSpotArtifacts:
      return ApplyDefaultsToSpotArtifacts(task->mutable_spot_artifacts());
    case v1::TaskSpec::TASK_NOT_SET:
      return;
  }
}

v1::AugmentSpec DefaultMocoAugment(v1::MocoSpec::Version version, int32_t image_size) {
  const bool first_version = version == v1::MocoSpec::V1;
  v1::AugmentSpec augment = MakeAugment(/*crop_scale_min=*/0.2);
  augment.set_jitter_probability(first_version ? 1 : 0.8);
  augment.set_brightness(0.4);
  augment.set_contrast(0.4);
  augment.set_saturation(0.4);
  augment.set_hue(first_version ? 0.4 : 0.1);
  augment.set_gray_probability(0.2);
  augment.set_blur_probability(first_version || image_size <= kSmallPicture ? 0 : 0.5);
  return augment;
}

v1::AugmentSpec DefaultRotationAugment() { return MakeAugment(/*crop_scale_min=*/0.5); }
v1::AugmentSpec DefaultColorizationAugment() { return MakeAugment(/*crop_scale_min=*/0.5); }
v1::AugmentSpec DefaultContextPredictionAugment() { return MakeAugment(/*crop_scale_min=*/0.6); }
v1::AugmentSpec DefaultJigsawAugment() {
  v1::AugmentSpec augment = MakeAugment(/*crop_scale_min=*/0.6);
  augment.set_gray_probability(0.3);
  return augment;
}
v1::AugmentSpec DefaultInstanceAugment() { return DefaultMocoAugment(v1::MocoSpec::V1, /*image_size=*/0); }
v1::AugmentSpec DefaultPirlAugment() {
  v1::AugmentSpec augment = DefaultMocoAugment(v1::MocoSpec::V2, /*image_size=*/0);
  augment.set_blur_probability(0);
  return augment;
}
v1::AugmentSpec DefaultPirlCopyAugment() {
  v1::AugmentSpec augment = DefaultPirlAugment();
  augment.set_crop_scale_min(0.6);
  return augment;
}
v1::AugmentSpec DefaultReconstructionAugment() { return MakeAugment(/*crop_scale_min=*/0.5); }
v1::AugmentSpec DefaultSpotArtifactsAugment() {
  v1::AugmentSpec augment = MakeAugment(/*crop_scale_min=*/0.33);
  augment.set_jitter_probability(1);
  augment.set_brightness(0.125);
  augment.set_saturation(0.5);
  return augment;
}
v1::AugmentSpec DefaultFinetuneAugment() { return MakeAugment(/*crop_scale_min=*/0.35); }

v1::AugmentSpec FillAugment(const v1::AugmentSpec& spec, const v1::AugmentSpec& defaults) {
  v1::AugmentSpec filled = defaults;
  filled.MergeFrom(spec);
  return filled;
}

v1::AugmentSpec ResolveAugment(const v1::TaskSpec& task, int32_t image_size) {
  switch (task.task_case()) {
    case v1::TaskSpec::kMoco:
      return FillAugment(task.moco().augment(), DefaultMocoAugment(task.moco().version(), image_size));
    case v1::TaskSpec::kRotation:
      return FillAugment(task.rotation().augment(), DefaultRotationAugment());
    case v1::TaskSpec::kColorization:
      return FillAugment(task.colorization().augment(), DefaultColorizationAugment());
    case v1::TaskSpec::kContextPrediction:
      return FillAugment(task.context_prediction().augment(), DefaultContextPredictionAugment());
    case v1::TaskSpec::kJigsaw:
      return FillAugment(task.jigsaw().augment(), DefaultJigsawAugment());
    case v1::TaskSpec::kInstanceDiscrimination:
      return FillAugment(task.instance_discrimination().augment(), DefaultInstanceAugment());
    case v1::TaskSpec::kPirl:
      return FillAugment(task.pirl().augment(), DefaultPirlAugment());
    case v1::TaskSpec::kAutoencoder:
      return FillAugment(task.autoencoder().augment(), DefaultReconstructionAugment());
    case v1::TaskSpec::kDenoising:
      return FillAugment(task.denoising().augment(), DefaultReconstructionAugment());
    case v1::TaskSpec::kInpainting:
      return FillAugment(task.inpainting().augment(), DefaultReconstructionAugment());
    case v1::TaskSpec::kSpotArtifacts:
      return FillAugment(task.spot_artifacts().augment(), DefaultSpotArtifactsAugment());
    case v1::TaskSpec::TASK_NOT_SET:
      break;
  }
  return MakeAugment(/*crop_scale_min=*/0.2);
}

absl::StatusOr<int32_t> ResolveQueueLength(const v1::MocoSpec& moco, int64_t dataset_size,
                                           int64_t batch_size) {
  if (batch_size <= 0 || dataset_size <= batch_size) {
    return absl::InvalidArgumentError(absl::StrCat("moco needs more pictures than one batch: there are ",
                                                   dataset_size, " and batch_size is ", batch_size,
                                                   "; lower batch_size or add pictures"));
  }
  if (moco.has_queue_length()) {
    const int64_t given = moco.queue_length();
    if (given <= 0 || given % batch_size != 0) {
      const int64_t rounded = std::max(batch_size, given / batch_size * batch_size);
      return absl::InvalidArgumentError(absl::StrCat("moco's queue_length ", given,
                                                     " is not a multiple of the batch of ", batch_size, "; ",
                                                     rounded, " would be"));
    }
    if (given >= dataset_size) {
      return absl::InvalidArgumentError(
          absl::StrCat("moco's queue_length ", given, " must be smaller than the data set of ", dataset_size,
                       " pictures, else a picture meets itself as a negative; at most ",
                       (dataset_size - 1) / batch_size * batch_size, " would do"));
    }
    return moco.queue_length();
  }
  const int64_t longest = std::min<int64_t>(kLongestQueue, dataset_size / 4);
  if (longest == kLongestQueue && kLongestQueue % batch_size == 0) return kLongestQueue;
  int64_t length = batch_size;
  while (length * 2 <= longest) length *= 2;
  return static_cast<int32_t>(length);
}

double ResolveMocoMomentum(const v1::MocoSpec& moco, int64_t steps) {
  if (moco.has_momentum()) return moco.momentum();
  return steps < 10000 ? 0.99 : 0.999;
}

#undef PRETEXT_DEFAULT

}  // namespace pretext
