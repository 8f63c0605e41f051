#include "worker/data/rng.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace pretext {
namespace {

std::array<uint32_t, 4> Block(std::array<uint32_t, 2> key, std::array<uint32_t, 4> counter) {
  std::array<uint32_t, 4> block;
  Philox4x32(key.data(), counter.data(), block.data());
  return block;
}

// The known answers that Random123 publishes for philox4x32 with 10 rounds.
TEST(RngTest, GivesThePublishedBlocks) {
  EXPECT_EQ(Block({0, 0}, {0, 0, 0, 0}),
            (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(Block({kOnes, kOnes}, {kOnes, kOnes, kOnes, kOnes}),
            (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Block({0xa4093822, 0x299f31d0}, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
            (std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RngTest, EqualKeysGiveEqualStreams) {
  const RngKey key{/*seed=*/1, /*stage=*/2, /*epoch=*/3, /*sample=*/4, /*view=*/5};
  Rng a(key), b(key);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.NextUint32(), b.NextUint32());
}

TEST(RngTest, EachPartOfTheKeyChangesTheStream) {
  std::set<uint64_t> first;
  const RngKey key{1, 1, 1, 1, 1};
  for (int part = 0; part < 6; ++part) {
    RngKey changed = key;
    if (part == 1) changed.seed = 2;
    if (part == 2) changed.stage = 2;
    if (part == 3) changed.epoch = 2;
    if (part == 4) changed.sample = 2;
    if (part == 5) changed.view = 2;
    first.insert(Rng(changed).NextUint64());
  }
  EXPECT_EQ(first.size(), 6u);
}

TEST(RngTest, UniformStaysBelowOneAndHasTheRightMoments) {
  Rng rng({.seed = 7});
  double sum = 0, squares = 0;
  constexpr int kDraws = 200'000;
  for (int i = 0; i < kDraws; ++i) {
    const float value = rng.Uniform();
    ASSERT_GE(value, 0.0f);
    ASSERT_LT(value, 1.0f);
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / kDraws, 0.5, 0.003);
  EXPECT_NEAR(squares / kDraws, 1.0 / 3, 0.003);
}

TEST(RngTest, NormalHasMeanZeroAndVarianceOne) {
  Rng rng({.seed = 8});
  double sum = 0, squares = 0;
  constexpr int kDraws = 200'000;
  for (int i = 0; i < kDraws; ++i) {
    const double value = rng.Normal();
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / kDraws, 0.0, 0.01);
  EXPECT_NEAR(squares / kDraws, 1.0, 0.02);
}

TEST(RngTest, BelowHitsEveryValueEquallyOften) {
  Rng rng({.seed = 9});
  std::vector<int> hits(7);
  for (int i = 0; i < 70'000; ++i) ++hits[rng.Below(7)];
  for (int count : hits) EXPECT_NEAR(count, 10'000, 500);
}

TEST(RngTest, PermutationHoldsEveryIndexOnce) {
  std::vector<int64_t> order = Rng({.seed = 10}).Permutation(1000);
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  for (int64_t i = 0; i < 1000; ++i) ASSERT_EQ(order[i], i);
}

}  // namespace
}  // namespace pretext
