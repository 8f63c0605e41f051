#include "worker/report/earlier_rows.h"

#include <utility>

namespace pretext {

EarlierRows::EarlierRows(std::string stage, int64_t step, AcknowledgedPoint mark)
    : stage_(std::move(stage)),
      step_(step),
      mark_(std::move(mark)),
      past_mark_(mark_.stage.empty()),
      proof_(step) {}

bool EarlierRows::Keep(const MetricsRow& row) {
  // Judgements stand at step 0: a stage that begins has none yet.
  if (row.stage == stage_ && (row.step > step_ || step_ == 0)) superseded_ = true;
  if (superseded_) {
    for (const auto& [metric, value] : row.values) {
      if (row.stage == stage_ && metric == stage_ + "/loss") proof_.Remember(row.step, value);
    }
    return false;
  }
  stages_.insert(row.stage);
  if (row.stage == stage_ && row.step == step_) {
    for (const auto& [metric, value] : row.values) told_.insert(metric);
  }
  if (row.stage == mark_.stage && row.step <= mark_.step) {
    past_mark_ = true;
    unsent_.clear();
  } else if (past_mark_) {
    unsent_.push_back(row);
  }
  return true;
}

}  // namespace pretext
