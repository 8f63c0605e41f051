#include "worker/agent/rank_changes.h"

namespace pretext {

RankKey KeyOf(const v1::RankAssignment& assignment) {
  return {assignment.job(), assignment.attempt(), assignment.rank()};
}

RankKey KeyOf(const v1::RankStatus& status) { return {status.job(), status.attempt(), status.rank()}; }

RankChanges CompareRanks(const std::vector<v1::RankAssignment>& wanted, const LocalRanks& local,
                         bool leaving) {
  using State = LocalRank::State;
  RankChanges changes;
  std::map<RankKey, bool> stops;  // by wanted rank: whether it should stop
  for (const v1::RankAssignment& assignment : wanted) {
    const bool first = stops.emplace(KeyOf(assignment), assignment.stop() || leaving).second;
    if (!first || assignment.stop() || leaving || local.count(KeyOf(assignment)) != 0) continue;
    changes.start.push_back(assignment);
  }
  for (const auto& [key, rank] : local) {
    const auto stop = stops.find(key);
    if (stop == stops.end()) {
      if (rank.state == State::kEnded) {
        if (rank.end_told) changes.forget.push_back(key);
      } else if (rank.state != State::kKilled) {
        changes.kill.push_back(key);
      }
    } else if (stop->second && rank.state == State::kRunning) {
      changes.stop.push_back(key);
    }
  }
  return changes;
}

}  // namespace pretext
