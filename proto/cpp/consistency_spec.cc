#include "proto/cpp/consistency_spec.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "proto/cpp/nearest_name.h"
#include "proto/cpp/quoted_text.h"
#include "proto/cpp/task_checks.h"
#include "proto/cpp/task_defaults.h"

namespace pretext {
namespace {

constexpr char kProjection[] = "projection";

// Sets `field` of `message` to `value` unless it is set.
#define PRETEXT_DEFAULT(message, field, value) \
  if (!(message)->has_##field()) (message)->set_##field(value)

// Whether some task that is trained says this kind of thing.
bool SomeTask(const v1::PretrainStage& stage, TaskPrediction prediction) {
  return std::any_of(stage.tasks().begin(), stage.tasks().end(), [prediction](const v1::TaskSpec& task) {
    return (!task.has_weight() || task.weight() > 0) && PredictionOf(task.task_case()) == prediction;
  });
}

bool SomeTaskPredicts(const v1::PretrainStage& stage) {
  return SomeTask(stage, TaskPrediction::kClasses) || SomeTask(stage, TaskPrediction::kValues);
}

bool Turns(const v1::ConsistencySpec& spec) {
  return spec.turn() == v1::ConsistencySpec::FLIP || spec.turn() == v1::ConsistencySpec::QUARTER_TURNS;
}

void CheckMeasures(const v1::PretrainStage& stage, int64_t at_once, const SpecChecker& check) {
  using Spec = v1::ConsistencySpec;
  const Spec& spec = stage.consistency();
  check.KnownValue("prediction_measure", spec.prediction_measure(), Spec::Measure_IsValid);
  if (spec.prediction_measure() == Spec::COSINE || spec.prediction_measure() == Spec::INFO_NCE) {
    check.Fault("prediction_measure",
                absl::StrCat("must be KL or MSE: ", Spec::Measure_Name(spec.prediction_measure()),
                             " is for features; set feature_measure for them"));
  }
  if (spec.prediction_measure() == Spec::KL && SomeTask(stage, TaskPrediction::kValues) &&
      !SomeTask(stage, TaskPrediction::kClasses)) {
    check.Fault(
        "prediction_measure",
        "must be MSE: the stage's tasks predict values, and KL is between distributions over classes");
  }
  check.KnownValue("feature_measure", spec.feature_measure(), Spec::Measure_IsValid);
  if (spec.feature_measure() == Spec::KL) {
    check.Fault("feature_measure",
                "must be COSINE, MSE or INFO_NCE: features are no distributions, as KL would need");
  }
  if (spec.feature_measure() == Spec::INFO_NCE && at_once == 1) {
    check.Fault(
        "feature_measure",
        "must be COSINE or MSE where a single picture is forwarded at once: INFO_NCE tells it from others");
  }
}

void CheckTaps(const v1::ConsistencySpec& spec, const SpecChecker& check) {
  for (const auto& [tap, factor] : std::map<std::string, double>(spec.taps().begin(), spec.taps().end())) {
    const std::string field = absl::StrCat("taps.", tap);
    const std::vector<std::string>& taps = ConsistencyTaps();
    if (std::find(taps.begin(), taps.end(), tap) == taps.end()) {
      check.Fault(field, absl::StrCat("there is no tap ", Quoted(tap), DidYouMean(tap, taps)));
    }
    check.NotNegative(field, factor);
  }
}

void CheckPredictions(const v1::PretrainStage& stage, const SpecChecker& check) {
  const v1::ConsistencySpec& spec = stage.consistency();
  if (!spec.has_predictions()) return;
  check.NotNegative("predictions", spec.predictions());
  if (!(spec.predictions() > 0)) return;
  if (Turns(spec)) {
    check.Fault("predictions",
                absl::StrCat("must be 0 with turn ", v1::ConsistencySpec::Turn_Name(spec.turn()),
                             ": a turned copy has another answer than its picture; take one of the two out"));
  } else if (!stage.tasks().empty() && !SomeTaskPredicts(stage)) {
    check.Fault(
        "predictions",
        "must be 0: none of the stage's tasks predicts anything, they compare features themselves; leave it "
        "out");
  }
}

// Crop and flip may be given, but only as what they are.
void CheckColorsAlone(const v1::AugmentSpec& augment, const SpecChecker& check) {
  const auto unused = [&](absl::string_view field, bool set, double value, double only) {
    if (!set || value == only) return;
    check.Fault(field,
                absl::StrCat("must be ", only, ": a copy is cut and flipped as its picture is; not ", value));
  };
  unused("crop_scale_min", augment.has_crop_scale_min(), augment.crop_scale_min(), 1);
  unused("crop_scale_max", augment.has_crop_scale_max(), augment.crop_scale_max(), 1);
  unused("flip_probability", augment.has_flip_probability(), augment.flip_probability(), 0);
}

}  // namespace

TaskPrediction PredictionOf(v1::TaskSpec::TaskCase task) {
  switch (task) {
    case v1::TaskSpec::kMoco:
    case v1::TaskSpec::kRotation:
    case v1::TaskSpec::kColorization:
    case v1::TaskSpec::kContextPrediction:
    case v1::TaskSpec::kJigsaw:
    case v1::TaskSpec::kSpotArtifacts:
      return TaskPrediction::kClasses;
    case v1::TaskSpec::kAutoencoder:
    case v1::TaskSpec::kDenoising:
    case v1::TaskSpec::kInpainting:
      return TaskPrediction::kValues;
    case v1::TaskSpec::kInstanceDiscrimination:
    case v1::TaskSpec::kPirl:
    case v1::TaskSpec::TASK_NOT_SET:
      return TaskPrediction::kNone;
  }
  return TaskPrediction::kNone;
}

const std::vector<std::string>& ConsistencyTaps() {
  static const auto& taps =
      *new std::vector<std::string>{"layer1", "layer2", "layer3", "layer4", kProjection};
  return taps;
}

void ApplyConsistencyDefaults(v1::PretrainStage* stage) {
  using Spec = v1::ConsistencySpec;
  Spec* spec = stage->mutable_consistency();
  PRETEXT_DEFAULT(spec, weight, 1);
  if (spec->pair() == Spec::PAIR_UNSPECIFIED) spec->set_pair(Spec::ORIGINAL_AND_COPY);
  if (spec->turn() == Spec::TURN_UNSPECIFIED) spec->set_turn(Spec::NONE);
  PRETEXT_DEFAULT(spec, predictions, Turns(*spec) || !SomeTaskPredicts(*stage) ? 0 : 1);
  if (spec->prediction_measure() == Spec::MEASURE_UNSPECIFIED) {
    const bool only_values =
        SomeTask(*stage, TaskPrediction::kValues) && !SomeTask(*stage, TaskPrediction::kClasses);
    spec->set_prediction_measure(only_values ? Spec::MSE : Spec::KL);
  }
  if (spec->taps().empty()) (*spec->mutable_taps())[kProjection] = 1;
  if (spec->feature_measure() == Spec::MEASURE_UNSPECIFIED) spec->set_feature_measure(Spec::COSINE);
  PRETEXT_DEFAULT(spec, temperature, 0.2);
  PRETEXT_DEFAULT(spec, ramp_share, 0.2);
  v1::AugmentSpec augment = DefaultConsistencyAugment(stage->image_size());
  if (!stage->has_image_size()) augment.clear_blur_probability();
  *spec->mutable_augment() = FillAugment(spec->augment(), augment);
}

#undef PRETEXT_DEFAULT

v1::AugmentSpec DefaultConsistencyAugment(int32_t image_size) {
  v1::AugmentSpec augment = DefaultMocoAugment(v1::MocoSpec::V2, image_size);
  augment.set_crop_scale_min(1);
  augment.set_crop_scale_max(1);
  augment.set_flip_probability(0);
  return augment;
}

void CheckConsistency(const v1::PretrainStage& stage, int64_t at_once, const SpecChecker& check) {
  using Spec = v1::ConsistencySpec;
  const Spec& spec = stage.consistency();
  if (spec.has_weight()) check.NotNegative("weight", spec.weight());
  check.KnownValue("pair", spec.pair(), Spec::Pair_IsValid);
  check.KnownValue("turn", spec.turn(), Spec::Turn_IsValid);
  CheckPredictions(stage, check);
  CheckMeasures(stage, at_once, check);
  CheckTaps(spec, check);
  const bool no_features =
      !spec.taps().empty() &&
      std::all_of(spec.taps().begin(), spec.taps().end(), [](const auto& tap) { return tap.second == 0; });
  const bool no_predictions =
      spec.has_predictions() ? spec.predictions() == 0 : Turns(spec) || !SomeTaskPredicts(stage);
  if (no_features && no_predictions && !(spec.has_weight() && spec.weight() == 0)) {
    check.Fault("compares nothing: predictions and all taps are 0; give one a factor, or set weight to 0");
  }
  if (spec.has_temperature()) check.Positive("temperature", spec.temperature());
  if (spec.has_ramp_share()) check.Probability("ramp_share", spec.ramp_share());
  CheckAugment(spec.augment(), check.Within("augment"), /*keeps_colors=*/false);
  CheckColorsAlone(spec.augment(), check.Within("augment"));
}

}  // namespace pretext
