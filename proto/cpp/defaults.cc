#include "proto/cpp/defaults.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "proto/cpp/consistency_spec.h"
#include "proto/cpp/task_defaults.h"

namespace pretext {
namespace {

constexpr int32_t kSmallPicture = 64;

// Sets `field` of `message` to `value` unless it is set.
#define PRETEXT_DEFAULT(message, field, value) \
  if (!(message)->has_##field()) (message)->set_##field(value)

void ApplyDefaultsToData(v1::DataSpec* data) {
  PRETEXT_DEFAULT(data, max_broken_share, 0.01);
  PRETEXT_DEFAULT(data, cache_bytes, int64_t{2} << 30);
  PRETEXT_DEFAULT(data, labels_per_class, 0);
  PRETEXT_DEFAULT(data, label_draw, 0);
}

void ApplyDefaultsToOptimizer(v1::PretrainStage* stage) {
  v1::OptimizerSpec* optimizer = stage->mutable_optimizer();
  if (optimizer->kind() == v1::OptimizerSpec::KIND_UNSPECIFIED) optimizer->set_kind(v1::OptimizerSpec::SGD);
  const bool sgd = optimizer->kind() == v1::OptimizerSpec::SGD;
  const bool contrastive = std::any_of(stage->tasks().begin(), stage->tasks().end(),
                                       [](const v1::TaskSpec& task) { return task.has_moco(); });
  // A batch size that is out of range is one fault, not two.
  const double sgd_rate =
      (contrastive ? 0.03 : 0.05) * (stage->batch_size() > 0 ? stage->batch_size() : 256) / 256;
  PRETEXT_DEFAULT(optimizer, learning_rate, sgd ? sgd_rate : 1e-3);
  PRETEXT_DEFAULT(optimizer, momentum, 0.9);
  PRETEXT_DEFAULT(optimizer, weight_decay, sgd ? 1e-4 : 0.01);
  PRETEXT_DEFAULT(optimizer, clip_norm, 0);
  v1::ScheduleSpec* schedule = stage->mutable_schedule();
  if (schedule->kind() == v1::ScheduleSpec::KIND_UNSPECIFIED)
    schedule->set_kind(v1::ScheduleSpec::WARMUP_COSINE);
  if (schedule->kind() == v1::ScheduleSpec::WARMUP_COSINE) PRETEXT_DEFAULT(schedule, warmup_share, 0.02);
  if (schedule->kind() == v1::ScheduleSpec::ONE_CYCLE) PRETEXT_DEFAULT(schedule, warmup_share, 0.25);
}

// The backbone a stage continues, when that is known, else resnet18.
void ApplyDefaultsToBackbone(v1::BackboneSpec* backbone, const v1::BackboneSpec* continued,
                             int32_t image_size) {
  if (backbone->name().empty()) {
    backbone->set_name(continued != nullptr ? continued->name() : "resnet18");
    if (continued != nullptr && backbone->stem() == v1::BackboneSpec::STEM_UNSPECIFIED) {
      backbone->set_stem(continued->stem());
    }
  }
  if (image_size > 0) backbone->set_stem(ResolveStem(backbone->stem(), image_size));
}

// every_steps stays open until the stage's steps are counted.
void ApplyDefaultsToProbe(v1::ProbeSpec* probe) {
  PRETEXT_DEFAULT(probe, pictures, 3000);
  PRETEXT_DEFAULT(probe, each_block, true);
  if (probe->has_data()) ApplyDefaultsToData(probe->mutable_data());
}

void ApplyDefaultsToPretrain(v1::PretrainStage* stage, const v1::BackboneSpec* continued) {
  PRETEXT_DEFAULT(stage, batch_size, 256);
  PRETEXT_DEFAULT(stage, accumulation, 1);
  if (!stage->has_max_steps()) PRETEXT_DEFAULT(stage, epochs, 100);
  ApplyDefaultsToBackbone(stage->mutable_backbone(), continued, stage->image_size());
  for (v1::TaskSpec& task : *stage->mutable_tasks()) ApplyTaskDefaults(*stage, &task);
  if (stage->weighting() == v1::PretrainStage::WEIGHTING_UNSPECIFIED) {
    stage->set_weighting(v1::PretrainStage::FIXED);
  }
  if (stage->has_consistency()) ApplyConsistencyDefaults(stage);
  ApplyDefaultsToOptimizer(stage);
  if (stage->has_probe()) ApplyDefaultsToProbe(stage->mutable_probe());
  if (stage->has_data()) ApplyDefaultsToData(stage->mutable_data());
}

double DefaultFinetuneRate(v1::FinetuneStage::Recipe recipe) {
  if (recipe == v1::FinetuneStage::FINE_TUNE) return 2e-3;
  return recipe == v1::FinetuneStage::ULMFIT ? 0.01 : 1e-3;
}

// RandAugment's strength (Cubuk et al. 2020) by the changes that there are.
v1::AugmentSpec DefaultCopyAugment() {
  v1::AugmentSpec augment = DefaultFinetuneAugment();
  augment.set_jitter_probability(0.8);
  augment.set_brightness(0.8);
  augment.set_contrast(0.8);
  augment.set_saturation(0.8);
  augment.set_hue(0.2);
  augment.set_gray_probability(0.2);
  augment.set_solarize_probability(0.2);
  return augment;
}

void ApplyDefaultsToUnlabelled(v1::UnlabelledSpec* unlabelled) {
  if (unlabelled->method() == v1::UnlabelledSpec::METHOD_UNSPECIFIED) {
    unlabelled->set_method(v1::UnlabelledSpec::UDA);
  }
  const bool uda = unlabelled->method() == v1::UnlabelledSpec::UDA;
  PRETEXT_DEFAULT(unlabelled, weight, 1);
  PRETEXT_DEFAULT(unlabelled, ratio, 7);
  PRETEXT_DEFAULT(unlabelled, confidence, uda ? 0.8 : 0.95);
  if (uda) {
    PRETEXT_DEFAULT(unlabelled, sharpening, 0.4);
    if (unlabelled->annealing() == v1::UnlabelledSpec::ANNEALING_UNSPECIFIED) {
      unlabelled->set_annealing(v1::UnlabelledSpec::OFF);
    }
  }
  *unlabelled->mutable_augment() = FillAugment(unlabelled->augment(), DefaultCopyAugment());
  if (unlabelled->has_data()) ApplyDefaultsToData(unlabelled->mutable_data());
}

void ApplyDefaultsToFinetune(v1::FinetuneStage* stage, const v1::BackboneSpec* continued) {
  if (stage->recipe() == v1::FinetuneStage::RECIPE_UNSPECIFIED)
    stage->set_recipe(v1::FinetuneStage::FINE_TUNE);
  if (stage->recipe() != v1::FinetuneStage::FINE_TUNE) {
    PRETEXT_DEFAULT(stage, freeze_epochs, 0);
  } else if (stage->has_epochs() || stage->has_max_steps()) {
    PRETEXT_DEFAULT(stage, freeze_epochs, 1);  // else open with epochs, until the labels are counted
  }
  PRETEXT_DEFAULT(stage, batch_size, 64);
  PRETEXT_DEFAULT(stage, learning_rate, DefaultFinetuneRate(stage->recipe()));
  PRETEXT_DEFAULT(stage, rate_divisor, 100);
  PRETEXT_DEFAULT(stage, weight_decay, 0.01);
  PRETEXT_DEFAULT(stage, freeze_bn, false);
  if (stage->goal_case() == v1::FinetuneStage::GOAL_NOT_SET) stage->mutable_classify();
  if (stage->has_classify()) PRETEXT_DEFAULT(stage->mutable_classify(), label_smoothing, 0);
  *stage->mutable_augment() = FillAugment(stage->augment(), DefaultFinetuneAugment());
  if (stage->init().has_random() || continued != nullptr) {
    ApplyDefaultsToBackbone(stage->mutable_backbone(), continued, stage->image_size());
  }
  if (stage->has_data()) ApplyDefaultsToData(stage->mutable_data());
  if (stage->has_test()) ApplyDefaultsToData(stage->mutable_test());
  if (stage->has_unlabelled()) ApplyDefaultsToUnlabelled(stage->mutable_unlabelled());
}

void ApplyDefaultsToEvaluate(v1::EvaluateStage* stage, const v1::BackboneSpec* continued) {
  if (stage->has_knn()) {
    PRETEXT_DEFAULT(stage->mutable_knn(), neighbours, 20);
    PRETEXT_DEFAULT(stage->mutable_knn(), temperature, 0.07);
  }
  if (stage->has_linear()) PRETEXT_DEFAULT(stage->mutable_linear(), each_block, false);
  if (stage->has_linear() && stage->linear().penalties().empty()) {
    for (double penalty : {1e-4, 1e-3, 1e-2, 1e-1, 1.0}) stage->mutable_linear()->add_penalties(penalty);
  }
  if (stage->init().has_random() || continued != nullptr) {
    ApplyDefaultsToBackbone(stage->mutable_backbone(), continued, stage->image_size());
  }
  if (stage->has_data()) ApplyDefaultsToData(stage->mutable_data());
  if (stage->has_test()) ApplyDefaultsToData(stage->mutable_test());
}

std::string KindOf(const v1::Stage& stage) {
  switch (stage.kind_case()) {
    case v1::Stage::kPretrain:
      return "pretrain";
    case v1::Stage::kFinetune:
      return "finetune";
    case v1::Stage::kEvaluate:
      return "evaluate";
    case v1::Stage::KIND_NOT_SET:
      return "";
  }
  return "";
}

v1::InitSpec* MutableInit(v1::Stage* stage) {
  if (stage->has_pretrain()) return stage->mutable_pretrain()->mutable_init();
  if (stage->has_finetune()) return stage->mutable_finetune()->mutable_init();
  return stage->has_evaluate() ? stage->mutable_evaluate()->mutable_init() : nullptr;
}

v1::BackboneSpec* MutableBackbone(v1::Stage* stage) {
  if (stage->has_pretrain()) return stage->mutable_pretrain()->mutable_backbone();
  if (stage->has_finetune()) return stage->mutable_finetune()->mutable_backbone();
  return stage->mutable_evaluate()->mutable_backbone();
}

// The kind, with a number when that name is taken.
void NameStages(v1::JobSpec* spec) {
  std::set<std::string> taken;
  for (const v1::Stage& stage : spec->stages()) taken.insert(stage.name());
  for (v1::Stage& stage : *spec->mutable_stages()) {
    if (!stage.name().empty() || stage.kind_case() == v1::Stage::KIND_NOT_SET) continue;
    std::string name = KindOf(stage);
    for (int i = 2; !taken.insert(name).second; ++i) name = absl::StrCat(KindOf(stage), "-", i);
    stage.set_name(name);
  }
}

std::string DefaultJobName(const v1::JobSpec& spec) {
  if (spec.stages().empty()) return "";
  const v1::Stage& first = spec.stages(0);
  if (first.has_pretrain() && !first.pretrain().tasks().empty()) {
    const v1::TaskSpec& task = first.pretrain().tasks(0);
    if (task.task_case() != v1::TaskSpec::TASK_NOT_SET)
      return v1::TaskSpec::descriptor()->FindFieldByNumber(task.task_case())->name();
  }
  return KindOf(first);
}

void ApplyDefaultsToStages(v1::JobSpec* spec) {
  NameStages(spec);
  std::map<std::string, v1::BackboneSpec> backbones;  // by stage, as far as they are known
  std::string previous;
  for (v1::Stage& stage : *spec->mutable_stages()) {
    v1::InitSpec* init = MutableInit(&stage);
    if (init == nullptr) continue;
    if (init->from_case() == v1::InitSpec::FROM_NOT_SET) {
      if (previous.empty()) {
        init->mutable_random();
      } else {
        init->set_stage(previous);
      }
    }
    const auto found = init->has_stage() ? backbones.find(init->stage()) : backbones.end();
    const v1::BackboneSpec* continued = found == backbones.end() ? nullptr : &found->second;
    if (stage.has_pretrain()) ApplyDefaultsToPretrain(stage.mutable_pretrain(), continued);
    if (stage.has_finetune()) ApplyDefaultsToFinetune(stage.mutable_finetune(), continued);
    if (stage.has_evaluate()) ApplyDefaultsToEvaluate(stage.mutable_evaluate(), continued);
    const bool known = continued != nullptr || init->has_random() || stage.has_pretrain();
    if (known) backbones[stage.name()] = *MutableBackbone(&stage);
    previous = stage.name();
  }
}

}  // namespace

void ApplyDefaults(v1::JobSpec* spec) {
  if (spec->name().empty()) spec->set_name(DefaultJobName(*spec));
  if (spec->has_data()) ApplyDefaultsToData(spec->mutable_data());
  ApplyDefaultsToStages(spec);
  v1::Resources* resources = spec->mutable_resources();
  PRETEXT_DEFAULT(resources, world_size, 1);
  if (resources->device() == v1::Resources::DEVICE_UNSPECIFIED) resources->set_device(v1::Resources::CPU);
  PRETEXT_DEFAULT(spec->mutable_checkpoints(), every_steps, 0);
  PRETEXT_DEFAULT(spec->mutable_checkpoints(), keep, 2);
  PRETEXT_DEFAULT(spec, max_restarts, 3);
}

absl::StatusOr<int32_t> ResolveBnGroups(const v1::BackboneSpec& backbone, int64_t batch_size,
                                        int32_t world_size) {
  if (backbone.has_bn_groups()) {
    const int32_t groups = backbone.bn_groups();
    if (groups <= 0 || groups % world_size != 0 || batch_size % groups != 0) {
      return absl::InvalidArgumentError(absl::StrCat("bn_groups ", groups,
                                                     " must be a multiple of the world size ", world_size,
                                                     " and divide the batch of ", batch_size));
    }
    return groups;
  }
  const int32_t wanted =
      std::max<int32_t>(world_size, static_cast<int32_t>(std::min<int64_t>(8, batch_size / 32)));
  for (int32_t groups = wanted / world_size * world_size; groups > world_size; groups -= world_size) {
    if (batch_size % groups == 0) return groups;
  }
  return world_size;
}

int32_t ResolveImageSize(int32_t given, int32_t picture_side) {
  if (given > 0) return given;
  return picture_side > 0 && picture_side <= 96 ? picture_side : 224;
}

v1::BackboneSpec::Stem ResolveStem(v1::BackboneSpec::Stem given, int32_t image_size) {
  if (given != v1::BackboneSpec::STEM_UNSPECIFIED) return given;
  return image_size <= kSmallPicture ? v1::BackboneSpec::SMALL : v1::BackboneSpec::STANDARD;
}

#undef PRETEXT_DEFAULT

}  // namespace pretext
