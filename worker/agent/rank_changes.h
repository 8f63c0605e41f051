#ifndef PRETEXT_WORKER_AGENT_RANK_CHANGES_H_
#define PRETEXT_WORKER_AGENT_RANK_CHANGES_H_

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "pretext/v1/worker_service.pb.h"

namespace pretext {

// One rank of one attempt: job, attempt, rank.
using RankKey = std::tuple<std::string, int32_t, int32_t>;

RankKey KeyOf(const v1::RankAssignment& assignment);
RankKey KeyOf(const v1::RankStatus& status);

// A rank that the agent has started and still answers for.
struct LocalRank {
  enum class State {
    kRunning,
    kToldToStop,  // SIGTERM was sent
    kKilled,      // SIGKILL was sent
    kEnded,
  };
  int64_t id = 0;  // its name towards the RankStarter
  State state = State::kRunning;
  v1::RankStatus status;  // as the coordinator is told
  // The coordinator has answered a call that told of its end.
  bool end_told = false;
};

using LocalRanks = std::map<RankKey, LocalRank>;

// What has to happen so that the ranks that run become those that should run.
struct RankChanges {
  std::vector<v1::RankAssignment> start;
  std::vector<RankKey> stop;    // SIGTERM
  std::vector<RankKey> kill;    // SIGKILL
  std::vector<RankKey> forget;  // ended, told, and no longer asked about
};

// Decides, purely. `wanted` is the coordinator's newest word. A rank is started once: one that has ended is
// not started again while it is still wanted. One that nobody has started and that should stop is not started
// to be stopped. `leaving`: the agent is about to exit; nothing is started, and what runs is told to stop.
RankChanges CompareRanks(const std::vector<v1::RankAssignment>& wanted, const LocalRanks& local,
                         bool leaving);

}  // namespace pretext

#endif  // PRETEXT_WORKER_AGENT_RANK_CHANGES_H_
