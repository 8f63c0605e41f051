#ifndef PRETEXT_WORKER_AGENT_CGROUP_H_
#define PRETEXT_WORKER_AGENT_CGROUP_H_

#include <cstdint>
#include <limits>
#include <string>

namespace pretext {

// Where the kernel tells about control groups. Tests point it elsewhere.
struct CgroupPlaces {
  std::string mount = "/sys/fs/cgroup";
  std::string self = "/proc/self/cgroup";
  std::string statistics = "/proc/vmstat";
};

// What this process and its children may use together, of either version of control groups.
struct CgroupLimits {
  double cores = std::numeric_limits<double>::infinity();
  int64_t memory_bytes = std::numeric_limits<int64_t>::max();
};
CgroupLimits ReadCgroupLimits(const CgroupPlaces& places = {});

// How many processes of this control group (of this machine, where that is not counted) the kernel has killed
// for lack of memory. 0 where nobody counts.
int64_t CountOutOfMemoryKills(const CgroupPlaces& places = {});

}  // namespace pretext

#endif  // PRETEXT_WORKER_AGENT_CGROUP_H_
