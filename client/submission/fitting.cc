#include "client/submission/fitting.h"

#include <cstdint>

#include "absl/strings/str_cat.h"

namespace pretext {
namespace {

constexpr absl::Duration kJoinPatience = absl::Seconds(5);
constexpr absl::Duration kJoinPeriod = absl::Milliseconds(200);

bool NeedsGpus(const v1::JobSpec& spec) { return spec.resources().device() == v1::Resources::GPU; }

int64_t Ranks(const v1::JobSpec& spec) {
  return spec.resources().has_world_size() ? spec.resources().world_size() : 1;
}

std::string Devices(int64_t count, bool gpus) {
  return absl::StrCat(count, gpus ? " GPU" : " CPU slot", count == 1 ? "" : "s");
}

}  // namespace

std::string WhyItCannotStart(const v1::JobSpec& spec, const std::vector<v1::Node>& nodes) {
  const bool gpus = NeedsGpus(spec);
  int64_t there = 0;
  for (const v1::Node& node : nodes) {
    if (node.state() != v1::Node::READY) continue;
    there += gpus ? node.capacity().gpus() : node.capacity().cpu_slots();
  }
  if (there >= Ranks(spec)) return "";
  return absl::StrCat("needs ", Devices(Ranks(spec), gpus), ", and the machines that take work have ",
                      there == 0 ? "none" : absl::StrCat(there), there == 0 ? "" : " in all");
}

void WarnIfItCannotStart(const v1::Job& job, const Reached& coordinator, CommandContext& context) {
  // A machine that has yet to join has one CPU slot most likely: not worth waiting for.
  const bool is_small = Ranks(job.spec()) == 1 && !NeedsGpus(job.spec());
  std::vector<v1::Node> nodes;
  for (const absl::Time deadline = context.clock->Now() + kJoinPatience; nodes.empty();) {
    const absl::StatusOr<v1::ListNodesResponse> listed = coordinator.client->ListNodes();
    if (!listed.ok()) return;
    nodes.assign(listed->nodes().begin(), listed->nodes().end());
    if (nodes.empty() && coordinator.embedded && is_small) return;
    const bool may_come = coordinator.embedded && context.clock->Now() < deadline;
    if (!may_come || !nodes.empty()) break;
    if (!context.wait(kJoinPeriod)) return;
  }
  const std::string why = WhyItCannotStart(job.spec(), nodes);
  if (why.empty()) return;
  *context.err << "pretext: " << job.name() << " " << why
               << ". It waits until there are enough; `pretext nodes` lists what there is" << std::endl;
}

}  // namespace pretext
