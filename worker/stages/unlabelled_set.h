#ifndef PRETEXT_WORKER_STAGES_UNLABELLED_SET_H_
#define PRETEXT_WORKER_STAGES_UNLABELLED_SET_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "pretext/v1/stage.pb.h"
#include "worker/data/open_dataset.h"
#include "worker/data/subset_dataset.h"
#include "worker/stages/judged_stage.h"
#include "worker/train/stage_run.h"

namespace pretext {

// The pictures that a stage learns from without their labels.
struct UnlabelledSet {
  std::shared_ptr<const OpenedDataset> opened;  // what the pictures are part of; nothing in it is labelled
  std::unique_ptr<SubsetDataset> pictures;
  double max_broken_share = 0.01;
  std::string protocol;  // for people: "49900 pictures of the training data, 100 held out"
};

// The pictures of `unlabelled.data`, else of the training data, but for those that the stage is judged by,
// wherever both are of the same folder or file. Whatever labels they have are not opened. Errors are
// DatasetCache's; INVALID_ARGUMENT: none is left.
absl::StatusOr<UnlabelledSet> OpenUnlabelled(const StageRun& run, const v1::UnlabelledSpec& unlabelled,
                                             const JudgedStage& judged);

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_UNLABELLED_SET_H_
