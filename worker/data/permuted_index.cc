#include "worker/data/permuted_index.h"

namespace pretext {
namespace {

constexpr uint32_t kRounds = 4;

}  // namespace

int64_t PermutedIndex(const RngKey& key, int64_t count, int64_t position) {
  int half_bits = 1;
  while (int64_t{1} << (2 * half_bits) < count) ++half_bits;
  const uint64_t mask = (uint64_t{1} << half_bits) - 1;
  Rng rng(key);
  const uint32_t words[2] = {rng.NextUint32(), rng.NextUint32()};
  uint64_t value = static_cast<uint64_t>(position);
  do {
    uint64_t left = value >> half_bits, right = value & mask;
    for (uint32_t round = 0; round < kRounds; ++round) {
      const uint32_t counter[4] = {static_cast<uint32_t>(right), round, 0, 0};  // halves have at most 31 bits
      uint32_t block[4];
      Philox4x32(words, counter, block);
      const uint64_t mixed = left ^ (block[0] & mask);
      left = right;
      right = mixed;
    }
    value = left << half_bits | right;
  } while (value >= static_cast<uint64_t>(count));
  return static_cast<int64_t>(value);
}

}  // namespace pretext
