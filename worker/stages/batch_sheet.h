#ifndef PRETEXT_WORKER_STAGES_BATCH_SHEET_H_
#define PRETEXT_WORKER_STAGES_BATCH_SHEET_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "pretext/v1/job.pb.h"

namespace pretext {

// What to show of a pretraining stage.
struct SheetRequest {
  v1::JobSpec spec;    // with defaults; not looked at when `output` is given
  std::string output;  // folder of a job that has run: its own spec, and what its newest checkpoint answers
  std::string
      stage;  // name of a pretraining stage; empty: the first, with `output` the last that was trained
  std::string images;  // other pictures than the stage's; empty: its own
  std::optional<uint64_t>
      seed;  // of the choice of pictures and of all draws; the job's where it is not given
  int pictures = 8;
};

struct BatchSheet {
  std::string png;
  std::string stage;
  std::vector<std::string> tasks;
  int pictures = 0;                  // shown
  std::optional<int64_t> step;       // after which the network answers; nothing without `output`
  std::vector<std::string> remarks;  // for people: a picture or a checkpoint that was left out
};

// A contact sheet of a stage: for each of its tasks some pictures as the network is asked about them, drawn
// as in training, and, with a trained job, what it answers. Runs on the CPU, on the calling thread.
// INVALID_ARGUMENT: the task cannot work on these pictures, the folder is no job's or the stage no
// pretraining stage; NOT_FOUND: the stage has no checkpoint yet; DATA_LOSS: no picture can be read, or the
// checkpoint does not fit. All say what to do.
absl::StatusOr<BatchSheet> MakeBatchSheet(const SheetRequest& request);

// What became of it, for programs: {"file", "stage", "tasks", "pictures", "step", "remarks"}.
std::string BatchSheetAsJson(const BatchSheet& sheet, const std::string& file);

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_BATCH_SHEET_H_
