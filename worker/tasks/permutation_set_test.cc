#include "worker/tasks/permutation_set.h"

#include <algorithm>
#include <set>

#include "gmock/gmock.h"

namespace pretext {
namespace {

struct Distances {
  double mean = 0;
  int least = 100;
};

Distances DistancesOf(const std::vector<TileOrder>& orders) {
  Distances found;
  int pairs = 0;
  for (size_t i = 0; i < orders.size(); ++i) {
    for (size_t j = i + 1; j < orders.size(); ++j, ++pairs) {
      const int distance = HammingDistance(orders[i], orders[j]);
      found.mean += distance;
      found.least = std::min(found.least, distance);
    }
  }
  found.mean /= pairs;
  return found;
}

void ExpectDifferentPermutations(const std::vector<TileOrder>& orders, int tiles) {
  EXPECT_EQ(std::set<TileOrder>(orders.begin(), orders.end()).size(), orders.size());
  for (TileOrder order : orders) {
    ASSERT_EQ(order.size(), tiles);
    std::sort(order.begin(), order.end());
    for (int i = 0; i < tiles; ++i) EXPECT_EQ(order[i], i);
  }
}

// Values of an independent implementation of the greedy rule.
TEST(PermutationSetTest, KeepsOrdersOfNineTilesAsFarApartAsTheRuleCan) {
  const std::vector<TileOrder> far = ChoosePermutations(9, 100, PermutationRule::kMaxMin);
  ExpectDifferentPermutations(far, 9);
  const auto first = [&far](int count) { return std::vector<TileOrder>(far.begin(), far.begin() + count); };
  EXPECT_NEAR(DistancesOf(far).mean, 8.0269, 1e-4);
  EXPECT_EQ(DistancesOf(far).least, 6);
  EXPECT_NEAR(DistancesOf(first(24)).mean, 8.1413, 1e-4);
  EXPECT_EQ(DistancesOf(first(24)).least, 7);
  EXPECT_EQ(DistancesOf(first(9)).least, 9);
}

TEST(PermutationSetTest, TheLargestMeanIsTheFirstPapersRule) {
  const std::vector<TileOrder> orders = ChoosePermutations(9, 100, PermutationRule::kMaxMean);
  ExpectDifferentPermutations(orders, 9);
  EXPECT_NEAR(DistancesOf(orders).mean, 8.08, 1e-4);
  EXPECT_EQ(DistancesOf(orders).least, 2);
}

TEST(PermutationSetTest, HoldsEveryOrderOfFourTiles) {
  const std::vector<TileOrder> all = ChoosePermutations(4, 24, PermutationRule::kMaxMin);
  ExpectDifferentPermutations(all, 4);
  EXPECT_THAT(all[0], ::testing::ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(DistancesOf(all).least, 2);  // no two orders differ at one place alone
}

TEST(PermutationSetTest, IsTheSameEveryTime) {
  EXPECT_EQ(ChoosePermutations(9, 30, PermutationRule::kMaxMin),
            ChoosePermutations(9, 30, PermutationRule::kMaxMin));
}

}  // namespace
}  // namespace pretext
