#include "proto/cpp/retry_policy.h"

#include <algorithm>
#include <cmath>

namespace pretext {
namespace {

// SplitMix64 (Steele et al. 2014): a draw in [0, 1).
double NextUniform(uint64_t& state) {
  uint64_t z = (state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1.0p-53;
}

}  // namespace

absl::Duration Backoff::Next() {
  // Far below overflow: the delay has long reached its longest.
  const double growth = std::pow(policy_.factor, std::min(failures_++, 100));
  const absl::Duration delay = std::min(policy_.first_delay * growth, policy_.longest_delay);
  return delay * (1 + policy_.jitter * (2 * NextUniform(state_) - 1));
}

bool IsRetryable(const absl::Status& status) { return absl::IsUnavailable(status); }

}  // namespace pretext
