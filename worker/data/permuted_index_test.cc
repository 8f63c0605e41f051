#include "worker/data/permuted_index.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace pretext {
namespace {

RngKey KeyOf(uint64_t seed, uint32_t epoch = 0) {
  RngKey key;
  key.seed = seed;
  key.epoch = epoch;
  return key;
}

std::vector<int64_t> Order(const RngKey& key, int64_t count) {
  std::vector<int64_t> order(count);
  for (int64_t i = 0; i < count; ++i) order[i] = PermutedIndex(key, count, i);
  return order;
}

TEST(PermutedIndexTest, HoldsEachNumberOnce) {
  for (const int64_t count : {1, 2, 3, 4, 5, 16, 17, 100, 1000, 4096, 4097}) {
    std::vector<int64_t> order = Order(KeyOf(count), count), all(count);
    std::iota(all.begin(), all.end(), int64_t{0});
    std::sort(order.begin(), order.end());
    EXPECT_EQ(order, all) << count;
  }
}

TEST(PermutedIndexTest, EqualKeysGiveEqualOrdersAndOthersDoNot) {
  EXPECT_EQ(Order(KeyOf(7), 50), Order(KeyOf(7), 50));
  std::set<std::vector<int64_t>> orders;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    for (uint32_t epoch = 0; epoch < 5; ++epoch) orders.insert(Order(KeyOf(seed, epoch), 50));
  }
  EXPECT_EQ(orders.size(), 100);
}

// Each number is as likely at each place: 6000 draws of 12 numbers, 500 each expected, standard deviation 21.
TEST(PermutedIndexTest, EveryNumberIsAsLikelyAtEveryPlace) {
  std::vector<std::vector<int>> counts(12, std::vector<int>(12, 0));
  for (uint64_t seed = 0; seed < 6000; ++seed) {
    const std::vector<int64_t> order = Order(KeyOf(seed), 12);
    for (int place = 0; place < 12; ++place) ++counts[place][order[place]];
  }
  for (const auto& place : counts) {
    for (const int count : place) EXPECT_NEAR(count, 500, 110);
  }
}

// Neighbours in the order are no neighbours in the set: the step between them is as any other.
TEST(PermutedIndexTest, StepsBetweenNeighboursVary) {
  const std::vector<int64_t> order = Order(KeyOf(3), 1000);
  std::set<int64_t> steps;
  for (size_t i = 1; i < order.size(); ++i) steps.insert((order[i] - order[i - 1] + 1000) % 1000);
  EXPECT_GT(steps.size(), 550);  // of random ones 632 are expected
}

TEST(PermutedIndexTest, ReachesIntoSetsThatNobodyCouldLayOut) {
  const int64_t count = (int64_t{1} << 61) + 12345;
  std::set<int64_t> seen;
  for (int64_t i = 0; i < 1000; ++i) {
    const int64_t index = PermutedIndex(KeyOf(1), count, i);
    EXPECT_GE(index, 0);
    EXPECT_LT(index, count);
    seen.insert(index);
  }
  EXPECT_EQ(seen.size(), 1000);
}

}  // namespace
}  // namespace pretext
