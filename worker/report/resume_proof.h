#ifndef PRETEXT_WORKER_REPORT_RESUME_PROOF_H_
#define PRETEXT_WORKER_REPORT_RESUME_PROOF_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/types/optional.h"
#include "worker/report/remark.h"

namespace pretext {

// Proves that a stage goes on as it would have: remembers the losses of the steps that an earlier attempt did
// after its last checkpoint, and compares the first that is done again. Thread-compatible.
class ResumeProof {
 public:
  // Nothing is superseded: nothing will be said.
  ResumeProof() = default;
  // The stage goes on after `step`.
  explicit ResumeProof(int64_t step) : resumed_after_(step) {}

  // What the loss at a later step was before.
  void Remember(int64_t step, double loss) { before_[step] = loss; }

  // The loss at a step of this attempt. Something is said once, at the first step that was done before.
  absl::optional<Remark> Compare(int64_t step, double loss);

 private:
  int64_t resumed_after_ = 0;
  std::map<int64_t, double> before_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_REPORT_RESUME_PROOF_H_
