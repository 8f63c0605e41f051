#ifndef PRETEXT_SERVER_COORDINATOR_RECORDED_PROGRESS_H_
#define PRETEXT_SERVER_COORDINATOR_RECORDED_PROGRESS_H_

#include <set>
#include <string>

#include "absl/status/status.h"
#include "server/state/cluster_state.h"

namespace pretext {

// What the coordinator knows of a job's training, so that a job whose checkpoints were removed never begins
// anew in silence.
struct RecordedProgress {
  std::string job;
  bool paused = false;
  std::string output;
  v1::Checkpoint newest;  // of those that it may go on from
  std::set<std::string> finished_stages;

  // There is nothing to miss.
  bool empty() const { return newest.path().empty(); }
};

RecordedProgress ProgressOf(const JobRecord& job);

// FAILED_PRECONDITION, CHECKPOINTS_GONE, with what to do: no checkpoint of a stage that is not finished is
// there any more, neither the newest nor another beside it. An output folder that is not there at all counts
// only with `outputs_are_here`: otherwise it may be on another machine. Touches the file system: call it
// without the coordinator's lock.
absl::Status CheckIsStillThere(const RecordedProgress& progress, bool outputs_are_here);

}  // namespace pretext

#endif  // PRETEXT_SERVER_COORDINATOR_RECORDED_PROGRESS_H_
