#ifndef PRETEXT_WORKER_STAGES_STAGE_SETUP_H_
#define PRETEXT_WORKER_STAGES_STAGE_SETUP_H_

#include "absl/status/statusor.h"
#include "pretext/v1/stage.pb.h"
#include "worker/data/open_dataset.h"
#include "worker/models/backbone.h"
#include "worker/stages/initial_weights.h"
#include "worker/stages/resolve_stage.h"
#include "worker/train/stage_run.h"

namespace pretext {

// How every kind of stage comes to its network.

// What the stage's defaults follow from, but for the precision: a stage that trains asks for that itself,
// for all ranks must ask together. `backbone` is the spec's. Errors are ChooseBackbone's.
absl::StatusOr<StageFacts> FactsOf(const StageRun& run, const OpenedDataset& data,
                                   const InitialWeights& initial, const v1::BackboneSpec& backbone);

// This rank's network by the stage's resolved `backbone`. Without batch-norm groups for every rank, as in an
// evaluation, whose network does not train, it has one group.
BackboneOptions NetworkOf(const StageFacts& facts, const v1::BackboneSpec& backbone);

// Makes it on the run's device, with its first weights, and logs what became of them. Errors are
// MakeInitialBackbone's.
absl::StatusOr<InitialBackbone> MakeBackboneOf(const StageRun& run, const InitialWeights& initial,
                                               const BackboneOptions& network);

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_STAGE_SETUP_H_
