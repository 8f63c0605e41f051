#ifndef PRETEXT_SERVER_COORDINATOR_LIVE_FACTS_H_
#define PRETEXT_SERVER_COORDINATOR_LIVE_FACTS_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "pretext/v1/job.pb.h"
#include "server/coordinator/wanted_ranks.h"

namespace pretext {

// What the coordinator knows only from being called: lost when it restarts and learnt again.

// The last sign of one rank of the current attempt.
struct RankPulse {
  int64_t sequence = 0;                     // of its newest report
  v1::Progress progress;                    // as it said
  absl::Time moved = absl::InfinitePast();  // when its position last changed
};

struct LiveJob {
  int32_t attempt = 0;            // whose pulses these are
  std::vector<RankPulse> pulses;  // by rank
  v1::Progress progress;          // of the job: rank 0's newest
  std::string wait_reason;        // why it is queued, from the last plan
  absl::Time ending_since = absl::InfiniteFuture();
  bool abandoned = false;         // its remaining processes are no longer wanted
  int64_t telemetry_version = 0;  // grows with each report that brought points or lines
};

struct AgentSession {
  std::string incarnation;
  absl::Time last_seen = absl::InfinitePast();
  absl::Time lease_end = absl::InfinitePast();
  std::set<RankKey> reported;      // ranks that this incarnation has said it runs or ran
  std::set<std::string> replaced;  // incarnations that must not come back
  std::string wanted_digest;       // of the last answer's ranks
  int64_t wanted_revision = 0;     // of the last answer
  bool told_to_shut_down = false;
};

// True when `to` is further or otherwise elsewhere than `from`: the rank does something.
inline bool HasMoved(const v1::Progress& from, const v1::Progress& to) {
  return from.stage_index() != to.stage_index() || from.epoch() != to.epoch() || from.step() != to.step() ||
         from.phase() != to.phase();
}

}  // namespace pretext

#endif  // PRETEXT_SERVER_COORDINATOR_LIVE_FACTS_H_
