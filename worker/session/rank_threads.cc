#include "worker/session/rank_threads.h"

#include <algorithm>

namespace pretext {
namespace {

constexpr int kMostDataThreads = 8;

}  // namespace

RankThreads DivideThreads(const v1::Resources& resources, int cores, int local_world_size) {
  RankThreads threads;
  threads.compute =
      resources.has_threads() ? resources.threads() : std::max(1, cores / std::max(1, local_world_size));
  threads.data = resources.has_data_threads() ? resources.data_threads()
                                              : std::clamp(threads.compute, 1, kMostDataThreads);
  return threads;
}

}  // namespace pretext
