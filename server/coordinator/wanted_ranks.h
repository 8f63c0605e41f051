#ifndef PRETEXT_SERVER_COORDINATOR_WANTED_RANKS_H_
#define PRETEXT_SERVER_COORDINATOR_WANTED_RANKS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pretext/v1/worker_service.pb.h"
#include "server/state/cluster_state.h"

namespace pretext {

// One rank of one attempt: job, attempt, rank.
using RankKey = std::tuple<std::string, int32_t, int32_t>;

// How long a gang that is about to end is left alone before what remains of it is killed.
struct GangGraces {
  // To checkpoint and exit once told to stop.
  absl::Duration stop = absl::Minutes(5);
  // For the agents to tell which rank was lost, when all that is known is that others miss one.
  absl::Duration culprit = absl::Seconds(5);
  // For processes to exit once every rank has told its outcome.
  absl::Duration exit = absl::Seconds(60);
};

// When the remaining processes of the job's gang are no longer wanted; InfiniteFuture while they are.
// `ending_since`: when the coordinator first saw that the gang IsEnding(); InfiniteFuture: not yet.
// `recovered`: when the coordinator started; what was asked of ranks before that counts from then.
absl::Time AbandonTime(const JobRecord& job, absl::Time ending_since, absl::Time recovered,
                       const GangGraces& graces);

// True once a rank has failed or all have told an outcome: the attempt cannot go on.
bool IsEnding(const JobRecord& job);

// Every rank that should have a process on `node`, in the order of jobs and ranks. `abandoned`: gangs to be
// killed. `started`: whether an agent is known to have started the rank; one that was never started is not
// started only to be stopped.
std::vector<v1::RankAssignment> WantedRanks(const ClusterState& state, absl::string_view node,
                                            const std::function<bool(const JobRecord&)>& abandoned,
                                            const std::function<bool(const RankKey&)>& started);

}  // namespace pretext

#endif  // PRETEXT_SERVER_COORDINATOR_WANTED_RANKS_H_
