#include "worker/tasks/permutation_set.h"

#include <algorithm>
#include <numeric>

namespace pretext {
namespace {

constexpr int32_t kChosen = -1;  // in place of a score

// All orders of the tiles, in lexicographic order, one after the other.
std::vector<uint8_t> AllOrders(int tiles) {
  std::vector<uint8_t> all;
  TileOrder order(tiles);
  std::iota(order.begin(), order.end(), uint8_t{0});
  do {
    all.insert(all.end(), order.begin(), order.end());
  } while (std::next_permutation(order.begin(), order.end()));
  return all;
}

}  // namespace

int HammingDistance(const TileOrder& one, const TileOrder& other) {
  int distance = 0;
  for (size_t i = 0; i < one.size(); ++i) distance += one[i] != other[i];
  return distance;
}

std::vector<TileOrder> ChoosePermutations(int tiles, int count, PermutationRule rule) {
  const std::vector<uint8_t> all = AllOrders(tiles);
  const size_t candidates = all.size() / tiles;
  // Sums have the order of means.
  std::vector<int32_t> scores(candidates, rule == PermutationRule::kMaxMin ? tiles + 1 : 0);
  std::vector<TileOrder> chosen;
  size_t next = 0;
  while (true) {
    const uint8_t* order = &all[next * tiles];
    chosen.emplace_back(order, order + tiles);
    scores[next] = kChosen;
    if (static_cast<int>(chosen.size()) == count) return chosen;
    int32_t best = kChosen;
    for (size_t i = 0; i < candidates; ++i) {
      if (scores[i] == kChosen) continue;
      int32_t distance = 0;
      for (int t = 0; t < tiles; ++t) distance += all[i * tiles + t] != order[t];
      scores[i] = rule == PermutationRule::kMaxMin ? std::min(scores[i], distance) : scores[i] + distance;
      if (scores[i] > best) {
        best = scores[i];
        next = i;
      }
    }
  }
}

}  // namespace pretext
