#ifndef PRETEXT_WORKER_DATA_PERMUTED_INDEX_H_
#define PRETEXT_WORKER_DATA_PERMUTED_INDEX_H_

#include <cstdint>

#include "worker/data/rng.h"

namespace pretext {

// What stands at `position` in a random order of 0 .. count - 1, which `key` names and nobody lays out: every
// position takes the same short time and no memory, from any thread. A Feistel network of four rounds (Luby &
// Rackoff 1988) orders the next larger power of four and is walked until it is back below `count` (Black &
// Rogaway 2002). REQUIRES: 0 <= position < count <= 2^62.
int64_t PermutedIndex(const RngKey& key, int64_t count, int64_t position);

}  // namespace pretext

#endif  // PRETEXT_WORKER_DATA_PERMUTED_INDEX_H_
