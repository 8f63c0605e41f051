#include "worker/stages/resolve_stage.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "proto/cpp/consistency_spec.h"
#include "proto/cpp/defaults.h"
#include "proto/cpp/status_macros.h"
#include "proto/cpp/task_defaults.h"
#include "worker/tasks/registry.h"

namespace pretext {
namespace {

using Fields = std::vector<ResolvedField>;

constexpr int64_t kProbes = 10;  // of a stage

std::string PicturesText(const DatasetFacts& data) {
  return absl::StrCat("from the data: ", data.median_width, " x ", data.median_height, " pictures");
}

// data.channels, where the stage has data of its own.
template <typename StageMessage>
void ResolveChannels(const StageFacts& facts, StageMessage* stage, Fields* fields) {
  if (!stage->has_data() || stage->data().has_channels()) return;
  stage->mutable_data()->set_channels(facts.channels);
  fields->push_back({"data.channels", facts.initial.has_value() ? "from the weights"
                                      : facts.channels == 1     ? "from the data: grey pictures"
                                                                : "from the data: coloured pictures"});
}

// image_size, of any kind of stage.
template <typename StageMessage>
void ResolveSide(const StageFacts& facts, StageMessage* stage, Fields* fields) {
  if (stage->has_image_size()) return;
  if (facts.initial.has_value() && facts.initial->image_size > 0) {
    stage->set_image_size(facts.initial->image_size);
    fields->push_back({"image_size", "from the weights: what they were trained on"});
    return;
  }
  const int side = std::min(facts.data.median_height, facts.data.median_width);
  stage->set_image_size(ResolveImageSize(0, side));
  fields->push_back({"image_size", PicturesText(facts.data)});
}

void ResolveBackbone(const StageFacts& facts, int32_t image_size, v1::BackboneSpec* backbone,
                     Fields* fields) {
  if (backbone->name().empty()) {
    backbone->set_name(facts.backbone.name);
    fields->push_back({"backbone.name", "from the weights"});
  }
  if (backbone->stem() != v1::BackboneSpec::STEM_UNSPECIFIED) return;
  if (facts.initial.has_value()) {
    backbone->set_stem(facts.backbone.small_stem ? v1::BackboneSpec::SMALL : v1::BackboneSpec::STANDARD);
    fields->push_back({"backbone.stem", "from the weights"});
  } else {
    backbone->set_stem(ResolveStem(backbone->stem(), image_size));
    fields->push_back({"backbone.stem", absl::StrCat("from image_size: ", image_size, " pixels")});
  }
}

template <typename StageMessage>
void ResolvePrecision(const StageFacts& facts, StageMessage* stage, Fields* fields) {
  if (stage->precision() != v1::PRECISION_UNSPECIFIED) return;
  stage->set_precision(facts.faster);
  fields->push_back({"precision", "from the device: the faster one"});
}

absl::Status CheckBatch(int64_t batch_size, int64_t pictures, absl::string_view what) {
  if (batch_size <= pictures) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("batch_size ", batch_size, " is more than the ", pictures,
                                                 " ", what, " there are; lower it to at most ", pictures));
}

// What the stage's tasks leave open. `steps` are the stage's.
absl::Status ResolveTasks(const StageFacts& facts, int64_t steps, v1::PretrainStage* stage, Fields* fields) {
  TaskSizes sizes;
  sizes.image_size = stage->image_size();
  sizes.pictures = facts.data.pictures;
  sizes.micro_batch_size = stage->batch_size() / stage->accumulation();
  sizes.steps = steps;
  for (int i = 0; i < stage->tasks_size(); ++i) {
    PRETEXT_ASSIGN_OR_RETURN(const TaskEntry* entry, FindTask(stage->tasks(i)));
    PRETEXT_ASSIGN_OR_RETURN(const Fields of_task, entry->resolve(sizes, stage->mutable_tasks(i)));
    for (const ResolvedField& field : of_task) {
      fields->push_back({absl::StrCat("tasks[", i, "].", entry->name, ".", field.path), field.origin});
    }
  }
  return absl::OkStatus();
}

// The copies' blur, where image_size was open.
void ResolveConsistency(v1::PretrainStage* stage, Fields* fields) {
  if (!stage->has_consistency() || stage->consistency().augment().has_blur_probability()) return;
  v1::AugmentSpec* augment = stage->mutable_consistency()->mutable_augment();
  *augment = FillAugment(*augment, DefaultConsistencyAugment(stage->image_size()));
  fields->push_back({"consistency.augment.blur_probability",
                     absl::StrCat("from image_size: ", stage->image_size(), " pixels")});
}

// epochs and freeze_epochs, where nothing says how long. A pass over few labels is few steps, so that a fixed
// number of passes would leave the network as it was; unlabelled ones, which are many, take longer to teach.
void ResolveLength(int64_t labelled, v1::FinetuneStage* stage, Fields* fields) {
  constexpr int64_t kEpochs = 5, kFewestSteps = 150, kFewestWithUnlabelled = 400, kFrozenShare = 5;
  if (stage->has_max_steps() || stage->has_epochs()) return;
  const int64_t steps_per_epoch = labelled / stage->batch_size();
  const int64_t fewest = LearnsFromUnlabelled(*stage) ? kFewestWithUnlabelled : kFewestSteps;
  const int64_t epochs = std::max(kEpochs, (fewest + steps_per_epoch - 1) / steps_per_epoch);
  stage->set_epochs(static_cast<int32_t>(epochs));
  const std::string origin =
      absl::StrCat("from the data: ", labelled, " labelled pictures, ", epochs * steps_per_epoch, " steps");
  fields->push_back({"epochs", origin});
  if (stage->has_freeze_epochs()) return;
  stage->set_freeze_epochs(static_cast<int32_t>(epochs / kFrozenShare));
  fields->push_back({"freeze_epochs", "from epochs: a fifth"});
}

}  // namespace

absl::StatusOr<std::vector<ResolvedField>> ResolvePretrain(const StageFacts& facts,
                                                           v1::PretrainStage* stage) {
  Fields fields;
  PRETEXT_RETURN_IF_ERROR(CheckBatch(stage->batch_size(), facts.data.pictures, "pictures"));
  ResolveChannels(facts, stage, &fields);
  ResolveSide(facts, stage, &fields);
  ResolveBackbone(facts, stage->image_size(), stage->mutable_backbone(), &fields);
  const int64_t at_once = stage->batch_size() / stage->accumulation();
  PRETEXT_ASSIGN_OR_RETURN(const int32_t groups,
                           ResolveBnGroups(stage->backbone(), at_once, facts.world_size));
  if (!stage->backbone().has_bn_groups()) {
    stage->mutable_backbone()->set_bn_groups(groups);
    fields.push_back({"backbone.bn_groups", absl::StrCat("from the batch: ", at_once, " pictures on ",
                                                         facts.world_size, " ranks")});
  }
  ResolvePrecision(facts, stage, &fields);
  const int64_t steps = stage->has_max_steps() ? stage->max_steps()
                                               : facts.data.pictures / stage->batch_size() * stage->epochs();
  PRETEXT_RETURN_IF_ERROR(ResolveTasks(facts, steps, stage, &fields));
  if (stage->has_probe() && !stage->probe().has_every_steps()) {
    stage->mutable_probe()->set_every_steps(std::max<int64_t>(1, steps / kProbes));
    fields.push_back({"probe.every_steps", absl::StrCat("from the length: ", steps, " steps")});
  }
  ResolveConsistency(stage, &fields);
  return fields;
}

absl::StatusOr<std::vector<ResolvedField>> ResolveFinetune(const StageFacts& facts, int64_t labelled,
                                                           v1::FinetuneStage* stage) {
  Fields fields;
  ResolveChannels(facts, stage, &fields);
  ResolveSide(facts, stage, &fields);
  ResolveBackbone(facts, stage->image_size(), stage->mutable_backbone(), &fields);
  if (stage->batch_size() > labelled) {
    const int64_t fitting = labelled / facts.world_size * facts.world_size;
    stage->set_batch_size(static_cast<int32_t>(fitting));
    fields.push_back({"batch_size", absl::StrCat("from the data: ", labelled, " labelled pictures")});
  }
  const int64_t smallest = 2 * facts.world_size;  // statistics of a batch need two values
  if (stage->batch_size() < smallest) {
    return absl::InvalidArgumentError(absl::StrCat(
        "fine-tuning on ", facts.world_size, " ranks needs batches of at least ", smallest,
        " pictures; there are ", labelled, " labelled ones and batch_size is ", stage->batch_size()));
  }
  ResolveLength(labelled, stage, &fields);
  if (!stage->backbone().has_bn_groups()) {
    stage->mutable_backbone()->set_bn_groups(facts.world_size);
    fields.push_back({"backbone.bn_groups", "from the ranks: one group each"});
  } else {
    PRETEXT_RETURN_IF_ERROR(
        ResolveBnGroups(stage->backbone(), stage->batch_size(), facts.world_size).status());
  }
  ResolvePrecision(facts, stage, &fields);
  return fields;
}

absl::StatusOr<std::vector<ResolvedField>> ResolveEvaluate(const StageFacts& facts,
                                                           v1::EvaluateStage* stage) {
  Fields fields;
  ResolveChannels(facts, stage, &fields);
  ResolveSide(facts, stage, &fields);
  ResolveBackbone(facts, stage->image_size(), stage->mutable_backbone(), &fields);
  return fields;
}

bool LearnsFromUnlabelled(const v1::FinetuneStage& stage) {
  return stage.has_unlabelled() && stage.unlabelled().weight() > 0;
}

v1::DataSpec WithChannels(const v1::DataSpec& data, const std::optional<WeightsCard>& initial) {
  v1::DataSpec wanted = data;
  if (!data.has_channels() && initial.has_value()) wanted.set_channels(initial->backbone.in_channels);
  return wanted;
}

}  // namespace pretext
