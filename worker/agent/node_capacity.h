#ifndef PRETEXT_WORKER_AGENT_NODE_CAPACITY_H_
#define PRETEXT_WORKER_AGENT_NODE_CAPACITY_H_

#include <string>

#include "pretext/v1/cluster.pb.h"

namespace pretext {

// What this process may use of this machine: the cores it may run on and that its control group pays for, the
// memory likewise, one CPU slot a core, and what the processor is called. `host` and `gpus` are left to set.
v1::NodeCapacity MeasureNode();

// What the GPU of this machine is called, as its driver says; empty without one.
std::string DescribeGpu(const std::string& driver_folder = "/proc/driver/nvidia/gpus");

// The address at which other machines reach this one: that from which the coordinator at "host:port" is
// reached. "127.0.0.1" for a coordinator on this machine (unix:PATH); this machine's name when the
// coordinator's cannot be resolved.
std::string FindHostAddress(const std::string& coordinator);

}  // namespace pretext

#endif  // PRETEXT_WORKER_AGENT_NODE_CAPACITY_H_
