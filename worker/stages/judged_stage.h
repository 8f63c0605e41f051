#ifndef PRETEXT_WORKER_STAGES_JUDGED_STAGE_H_
#define PRETEXT_WORKER_STAGES_JUDGED_STAGE_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "nlohmann/json.hpp"
#include "pretext/v1/data.pb.h"
#include "worker/data/open_dataset.h"
#include "worker/stages/initial_weights.h"
#include "worker/stages/labelled_split.h"
#include "worker/train/stage_run.h"

namespace pretext {

// What a stage that learns from labelled pictures and is judged by others works on.
struct JudgedStage {
  v1::DataSpec train_spec, test_spec;  // of the same pictures where a part is held out
  InitialWeights initial;
  std::shared_ptr<const OpenedDataset> train, test;  // test null: a part of train is held out
  JudgedData data;                                   // of both
};

// Opens the pictures with the channels of the weights that the stage starts from, and says what they are.
// `test` null: a `share`-th of `train`'s labelled pictures is held out. Errors are FindInitialWeights',
// DatasetCache's and JoinJudgedData's.
absl::StatusOr<JudgedStage> OpenJudgedStage(const StageRun& run, const v1::DataSpec& train,
                                            const v1::DataSpec* test, int share);

// What a score must carry of the pictures behind it, as "labels" and "test_labels" in `found`: how many of
// each class there were, the digest of what they are labelled with, how many labels of each class were drawn
// (0: all) and by which draw. `learnt` and `judged`: the classes of the pictures that were used.
void RecordLabels(const JudgedStage& stage, absl::Span<const int64_t> learnt,
                  absl::Span<const int64_t> judged, nlohmann::ordered_json* found);

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_JUDGED_STAGE_H_
