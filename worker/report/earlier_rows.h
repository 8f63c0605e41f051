#ifndef PRETEXT_WORKER_REPORT_EARLIER_ROWS_H_
#define PRETEXT_WORKER_REPORT_EARLIER_ROWS_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "worker/report/acknowledged_mark.h"
#include "worker/report/metrics_file.h"
#include "worker/report/resume_proof.h"

namespace pretext {

// Decides what becomes of the rows that earlier attempts left when a stage goes on after a step (0: it
// begins). The row of the stage's next step, whatever it is, and all that follow it in the file are
// superseded: later stages too, as they came from it. Thread-compatible.
class EarlierRows {
 public:
  // `mark`: what the coordinator has of this job.
  EarlierRows(std::string stage, int64_t step, AcknowledgedPoint mark);

  // Asked of every row in the file's order: false for what is superseded.
  bool Keep(const MetricsRow& row);

  // Of the losses that are superseded.
  ResumeProof proof() const { return proof_; }
  // The stages that have rows left.
  const std::set<std::string>& stages() const { return stages_; }
  // Metrics of the stage at `step` itself, which are told already.
  const std::set<std::string>& told() const { return told_; }
  // Rows that are kept and that the coordinator lacks.
  const std::vector<MetricsRow>& unsent() const { return unsent_; }

 private:
  const std::string stage_;
  const int64_t step_;
  const AcknowledgedPoint mark_;
  bool past_mark_;  // what follows may be unsent
  bool superseded_ = false;
  ResumeProof proof_;
  std::set<std::string> stages_;
  std::set<std::string> told_;
  std::vector<MetricsRow> unsent_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_REPORT_EARLIER_ROWS_H_
