#ifndef PRETEXT_WORKER_STAGES_RESOLVE_STAGE_H_
#define PRETEXT_WORKER_STAGES_RESOLVE_STAGE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "pretext/v1/job.pb.h"
#include "worker/data/open_dataset.h"
#include "worker/models/weights.h"
#include "worker/train/resolved_spec.h"

namespace pretext {

// What the last of a stage's defaults follow from.
struct StageFacts {
  DatasetFacts data;                   // of the pictures trained on or judged
  int channels = 3;                    // as the data set gives them
  std::optional<WeightsCard> initial;  // of the weights the stage starts from
  BackboneOptions backbone;            // chosen; its stem where the spec leaves it open
  int world_size = 1;
  v1::Precision faster = v1::FP32;  // on the gang's devices
};

// Each fills in what a stage leaves open and returns what it chose and why. Pure.
// INVALID_ARGUMENT: a given value does not go with the data; says what would.
absl::StatusOr<std::vector<ResolvedField>> ResolvePretrain(const StageFacts& facts, v1::PretrainStage* stage);
// `labelled`: the pictures there are to train on, those held out not among them.
absl::StatusOr<std::vector<ResolvedField>> ResolveFinetune(const StageFacts& facts, int64_t labelled,
                                                           v1::FinetuneStage* stage);
absl::StatusOr<std::vector<ResolvedField>> ResolveEvaluate(const StageFacts& facts, v1::EvaluateStage* stage);

// Whether the stage learns from unlabelled pictures at all: nothing of them is read otherwise.
bool LearnsFromUnlabelled(const v1::FinetuneStage& stage);

// The channels that a stage's data are opened with when they name none: those of the weights it starts from,
// so that both fit; unset otherwise, which measures them.
v1::DataSpec WithChannels(const v1::DataSpec& data, const std::optional<WeightsCard>& initial);

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_RESOLVE_STAGE_H_
