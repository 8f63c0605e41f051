#include "worker/session/rank_threads.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace pretext {
namespace {

constexpr int kMostDataThreads = 8;
constexpr int kMostWishedPerCore = 8;
constexpr int kAlwaysGranted = 64;

int Granted(const char* field, int wished, int cores, std::string* warning) {
  const int most = std::max(kAlwaysGranted, kMostWishedPerCore * cores);
  if (wished <= most) return wished;
  absl::StrAppend(warning, warning->empty() ? "" : "; ", "resources.", field, " is ", wished,
                  ", far more than the ", cores, " cores of this machine can use: ", most, " are started");
  return most;
}

}  // namespace

RankThreads DivideThreads(const v1::Resources& resources, int cores, int local_world_size) {
  RankThreads threads;
  threads.compute = resources.has_threads() ? Granted("threads", resources.threads(), cores, &threads.warning)
                                            : std::max(1, cores / std::max(1, local_world_size));
  threads.data = resources.has_data_threads()
                     ? Granted("data_threads", resources.data_threads(), cores, &threads.warning)
                     : std::clamp(threads.compute, 1, kMostDataThreads);
  return threads;
}

}  // namespace pretext
