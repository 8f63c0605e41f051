#ifndef PRETEXT_WORKER_TASKS_PERMUTATION_SET_H_
#define PRETEXT_WORKER_TASKS_PERMUTATION_SET_H_

#include <cstdint>
#include <vector>

namespace pretext {

// Tile numbers in the order in which they are shown: place i shows tile order[i].
using TileOrder = std::vector<uint8_t>;

// How the next order is chosen among those not chosen yet: the one whose Hamming distances to the chosen ones
// have the largest minimum, or the largest mean. The mean of any two random orders of nine tiles is 8
// already; the minimum is what tells a clear set from an ambiguous one.
enum class PermutationRule { kMaxMin, kMaxMean };

// Places at which two orders of equal length differ.
int HammingDistance(const TileOrder& one, const TileOrder& other);

// `count` different orders of `tiles` tiles, chosen greedily from the identity on; of equals the first in
// lexicographic order (Noroozi & Favaro 2016, algorithm 1, which begins at random). Depends on nothing else.
// 100 orders of nine tiles take a fraction of a second, 2000 a few. REQUIRES: 1 <= count <= tiles!,
// tiles <= 9.
std::vector<TileOrder> ChoosePermutations(int tiles, int count, PermutationRule rule);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_PERMUTATION_SET_H_
