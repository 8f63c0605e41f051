#include "server/coordinator/resource_view.h"

#include "proto/cpp/proto_time.h"

namespace pretext {
namespace {

bool Finite(absl::Time time) { return time != absl::InfiniteFuture() && time != absl::InfinitePast(); }

}  // namespace

v1::Job ViewOfJob(const JobRecord& job, absl::string_view wait_reason) {
  v1::Job view;
  view.set_name(job.name);
  view.set_uid(job.uid);
  *view.mutable_spec() = job.spec;
  view.set_state(job.state);
  const bool waits = job.state == v1::Job::QUEUED && !wait_reason.empty();
  view.set_reason(waits ? std::string(wait_reason) : job.reason);
  view.set_attempt(job.attempt);
  view.set_restarts(job.restarts);
  *view.mutable_create_time() = ToTimestamp(job.create_time);
  *view.mutable_update_time() = ToTimestamp(job.update_time);
  if (Finite(job.start_time)) *view.mutable_start_time() = ToTimestamp(job.start_time);
  if (Finite(job.end_time)) *view.mutable_end_time() = ToTimestamp(job.end_time);
  view.set_output(job.spec.output());
  view.set_revision(job.revision);
  for (const RankRecord& rank : job.ranks) *view.add_placements() = rank.placement;
  for (const v1::Alarm& alarm : job.alarms) *view.add_alarms() = alarm;
  if (job.failure.cause() != v1::Failure::CAUSE_UNSPECIFIED) *view.mutable_failure() = job.failure;
  return view;
}

v1::Node ViewOfNode(const NodeRecord& node, const ClusterState& state, absl::Time last_seen) {
  v1::Node view;
  view.set_name(node.name);
  view.set_state(!node.reachable ? v1::Node::UNREACHABLE
                 : node.draining ? v1::Node::DRAINING
                                 : v1::Node::READY);
  *view.mutable_capacity() = node.capacity;
  view.set_version(node.version);
  if (Finite(last_seen)) *view.mutable_last_seen_time() = ToTimestamp(last_seen);
  for (const auto& [name, job] : state.jobs()) {
    bool here = false;
    for (const RankRecord& rank : job.ranks) {
      if (rank.process_gone || rank.placement.node() != node.name) continue;
      here = true;
      if (job.spec.resources().device() == v1::Resources::GPU) {
        view.set_gpus_used(view.gpus_used() + 1);
      } else {
        view.set_cpu_slots_used(view.cpu_slots_used() + 1);
      }
    }
    if (here) view.add_jobs(name);
  }
  return view;
}

}  // namespace pretext
