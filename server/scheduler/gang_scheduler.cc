#include "server/scheduler/gang_scheduler.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace pretext {
namespace {

// Free devices of one kind: indices by node. Nodes without any are left out.
using FreeDevices = std::map<std::string, std::set<int32_t>>;

bool NeedsGpus(const JobRecord& job) { return job.spec.resources().device() == v1::Resources::GPU; }

int WorldSize(const JobRecord& job) {
  return job.spec.resources().has_world_size() ? job.spec.resources().world_size() : 1;
}

// All devices of nodes that take new ranks; without those that ranks hold unless `empty`.
FreeDevices FindDevices(const ClusterState& state, bool gpus, bool empty) {
  FreeDevices devices;
  for (const auto& [name, node] : state.nodes()) {
    if (!node.reachable || node.draining) continue;
    const int32_t count = gpus ? node.capacity.gpus() : node.capacity.cpu_slots();
    for (int32_t i = 0; i < count; ++i) devices[name].insert(i);
  }
  if (empty) return devices;
  for (const auto& [name, job] : state.jobs()) {
    if (NeedsGpus(job) != gpus) continue;
    for (const RankRecord& rank : job.ranks) {
      const auto node = devices.find(rank.placement.node());
      if (!rank.process_gone && node != devices.end()) node->second.erase(rank.placement.device());
    }
  }
  return devices;
}

int Count(const FreeDevices& devices) {
  int count = 0;
  for (const auto& [node, indices] : devices) count += indices.size();
  return count;
}

// Takes `ranks` devices: from the node with the fewest that suffice, else from the fullest nodes in turn.
// REQUIRES: there are enough.
std::vector<v1::RankPlacement> Place(int ranks, FreeDevices* devices) {
  std::vector<std::pair<int, std::string>> nodes;  // free devices and name
  for (const auto& [name, indices] : *devices) nodes.emplace_back(indices.size(), name);
  auto better = [ranks](const auto& a, const auto& b) {
    const bool a_holds_all = a.first >= ranks;
    const bool b_holds_all = b.first >= ranks;
    if (a_holds_all != b_holds_all) return a_holds_all;
    if (a.first != b.first) return a_holds_all ? a.first < b.first : a.first > b.first;
    return a.second < b.second;
  };
  std::sort(nodes.begin(), nodes.end(), better);
  std::vector<v1::RankPlacement> placements;
  for (const auto& [free, name] : nodes) {
    std::set<int32_t>& indices = (*devices)[name];
    for (int32_t local_rank = 0; placements.size() < ranks && !indices.empty(); ++local_rank) {
      v1::RankPlacement& placement = placements.emplace_back();
      placement.set_rank(placements.size() - 1);
      placement.set_node(name);
      placement.set_local_rank(local_rank);
      placement.set_device(*indices.begin());
      indices.erase(indices.begin());
    }
  }
  return placements;
}

std::string Devices(int count, bool gpus) {
  return absl::StrCat(count,
                      gpus ? (count == 1 ? " GPU" : " GPUs") : (count == 1 ? " CPU slot" : " CPU slots"));
}

std::string WhoHolds(const ClusterState& state, bool gpus) {
  std::vector<std::string> holders;
  for (const auto& [name, job] : state.jobs()) {
    if (NeedsGpus(job) == gpus && !job.ranks.empty()) holders.push_back(name);
  }
  constexpr size_t kMostNamed = 3;
  const size_t others = holders.size() > kMostNamed ? holders.size() - kMostNamed : 0;
  holders.resize(std::min(holders.size(), kMostNamed));
  if (holders.empty()) return "";
  return absl::StrCat("; ", absl::StrJoin(holders, ", "),
                      others > 0 ? absl::StrCat(" and ", others, " more") : "", " use the others");
}

std::vector<const JobRecord*> QueueOf(const ClusterState& state) {
  std::vector<const JobRecord*> queue;
  for (const auto& [name, job] : state.jobs()) {
    if (job.state == v1::Job::QUEUED) queue.push_back(&job);
  }
  auto key = [](const JobRecord* job) {
    return std::make_tuple(-job->spec.priority(), job->create_time, job->name);
  };
  std::sort(queue.begin(), queue.end(), [&](auto* a, auto* b) { return key(a) < key(b); });
  return queue;
}

}  // namespace

Plan GangScheduler::MakePlan(const ClusterState& state) const {
  FreeDevices free[2] = {FindDevices(state, false, false), FindDevices(state, true, false)};
  const JobRecord* first_waiting[2] = {nullptr, nullptr};
  Plan plan;
  for (const JobRecord* job : QueueOf(state)) {
    const bool gpus = NeedsGpus(*job);
    const int needed = WorldSize(*job);
    const int all = Count(FindDevices(state, gpus, /*empty=*/true));
    const int available = Count(free[gpus]);
    if (state.nodes().empty()) {
      plan.waits.push_back({job->name, "waits for a node to join: none has yet"});
    } else if (needed > all) {
      plan.waits.push_back({job->name, absl::StrCat("needs ", Devices(needed, gpus),
                                                    ", and the nodes that take work have ", all, " in all")});
    } else if (first_waiting[gpus] != nullptr) {
      plan.waits.push_back(
          {job->name, absl::StrCat("waits behind ", first_waiting[gpus]->name, ", which needs ",
                                   Devices(WorldSize(*first_waiting[gpus]), gpus))});
    } else if (needed > available) {
      first_waiting[gpus] = job;
      plan.waits.push_back(
          {job->name, absl::StrCat("needs ", Devices(needed, gpus), ", and ", available, " of ", all,
                                   available == 1 ? " is free" : " are free", WhoHolds(state, gpus))});
    } else {
      plan.starts.push_back({job->name, Place(needed, &free[gpus])});
    }
  }
  return plan;
}

}  // namespace pretext
