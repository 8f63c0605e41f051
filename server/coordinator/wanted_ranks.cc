#include "server/coordinator/wanted_ranks.h"

#include <algorithm>

#include "server/coordinator/attempt_outcome.h"

namespace pretext {
namespace {

int CountOn(const JobRecord& job, absl::string_view node) {
  return std::count_if(job.ranks.begin(), job.ranks.end(),
                       [&](const RankRecord& rank) { return rank.placement.node() == node; });
}

v1::RankAssignment Assignment(const JobRecord& job, const RankRecord& rank, int local_world_size) {
  v1::RankAssignment assignment;
  assignment.set_job(job.name);
  assignment.set_attempt(job.attempt);
  assignment.set_rank(rank.placement.rank());
  assignment.set_world_size(job.ranks.size());
  assignment.set_local_rank(rank.placement.local_rank());
  assignment.set_local_world_size(local_world_size);
  assignment.set_device(rank.placement.device());
  *assignment.mutable_spec() = job.spec;
  assignment.set_stop(job.stop_requested);
  assignment.set_ignore_checkpoints_up_to_attempt(job.ignore_checkpoints_up_to_attempt);
  assignment.set_has_progress(job.newest_checkpoint() != nullptr || !job.finished_stages.empty());
  return assignment;
}

}  // namespace

bool IsEnding(const JobRecord& job) {
  if (job.ranks.empty()) return false;
  size_t told = 0;
  for (const RankRecord& rank : job.ranks) {
    if (rank.ended == v1::RankEnded::FAILED) return true;
    if (rank.ended != v1::RankEnded::KIND_UNSPECIFIED) ++told;
  }
  return told == job.ranks.size();
}

absl::Time AbandonTime(const JobRecord& job, absl::Time ending_since, absl::Time recovered,
                       const GangGraces& graces) {
  absl::Time abandon = absl::InfiniteFuture();
  if (job.stop_requested) abandon = std::max(job.update_time, recovered) + graces.stop;
  if (!IsEnding(job)) return abandon;
  const v1::Failure* root = FindRootFailure(job);
  if (root == nullptr) return std::min(abandon, ending_since + graces.exit);
  if (IsPeerLoss(*root)) return std::min(abandon, ending_since + graces.culprit);
  return absl::InfinitePast();
}

std::vector<v1::RankAssignment> WantedRanks(const ClusterState& state, absl::string_view node,
                                            const std::function<bool(const JobRecord&)>& abandoned,
                                            const std::function<bool(const RankKey&)>& started) {
  std::vector<v1::RankAssignment> wanted;
  for (const auto& [name, job] : state.jobs()) {
    const int local_world_size = CountOn(job, node);
    if (local_world_size == 0 || abandoned(job)) continue;
    for (const RankRecord& rank : job.ranks) {
      if (rank.placement.node() != node || rank.process_gone) continue;
      const bool running = rank.joined || started({name, job.attempt, rank.placement.rank()});
      if (job.stop_requested && !running) continue;
      wanted.push_back(Assignment(job, rank, local_world_size));
    }
  }
  return wanted;
}

}  // namespace pretext
