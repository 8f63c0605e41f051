#include "worker/tasks/holes.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"

namespace pretext {
namespace {

std::vector<uint8_t> Hole(v1::InpaintingSpec::Hole kind, int side, uint64_t draw, int rim = 0) {
  v1::InpaintingSpec spec;
  spec.set_hole(kind);
  spec.set_rim(rim);
  RngKey key;
  key.sample = draw;
  Rng rng(key);
  std::vector<uint8_t> hole(side * side, 77);
  DrawHole(spec, side, rng, absl::MakeSpan(hole));
  return hole;
}

double ShareOf(const std::vector<uint8_t>& hole, uint8_t pixel) {
  return static_cast<double>(std::count(hole.begin(), hole.end(), pixel)) / static_cast<double>(hole.size());
}

TEST(HolesTest, EveryRegionIsAFifthToThreeTenthsOfThePicture) {
  for (const int side : {8, 28, 33, 224}) {
    for (uint64_t draw = 0; draw < (side > 100 ? 20 : 200); ++draw) {
      const std::vector<uint8_t> hole = Hole(v1::InpaintingSpec::REGION, side, draw);
      const double slack = 0.5 / (side * side);
      EXPECT_GE(ShareOf(hole, kMissing), 0.2 - slack) << side << " " << draw;
      EXPECT_LE(ShareOf(hole, kMissing), 0.3 + slack) << side << " " << draw;
      EXPECT_EQ(ShareOf(hole, kMissing) + ShareOf(hole, kKnown), 1);
    }
  }
}

TEST(HolesTest, BlocksAreSeveralAndAQuarterAtMost) {
  double sum = 0;
  for (const int side : {16, 28, 96}) {
    for (uint64_t draw = 0; draw < 100; ++draw) {
      const double share = ShareOf(Hole(v1::InpaintingSpec::BLOCKS, side, draw), kMissing);
      EXPECT_GT(share, 0) << side << " " << draw;
      EXPECT_LE(share, 0.25) << side << " " << draw;
      sum += share / 300;
    }
  }
  EXPECT_GT(sum, 0.15);  // the largest single block has a ninth
}

TEST(HolesTest, TheCenterIsAQuarterWithItsRimAndShrinksByIt) {
  const std::vector<uint8_t> hole = Hole(v1::InpaintingSpec::CENTER, 32, 0, /*rim=*/2);
  EXPECT_EQ(ShareOf(hole, kMissing), 12.0 * 12 / 1024);
  EXPECT_EQ(ShareOf(hole, kMissing) + ShareOf(hole, kRim), 0.25);
  EXPECT_EQ(hole[8 * 32 + 8], kRim);
  EXPECT_EQ(hole[10 * 32 + 10], kMissing);
  EXPECT_EQ(hole[16 * 32 + 23], kRim);
  EXPECT_EQ(hole[16 * 32 + 24], kKnown);
  EXPECT_EQ(hole, Hole(v1::InpaintingSpec::CENTER, 32, 1, /*rim=*/2));
}

// A hole that lay more often here than there would leave its place in the backbone.
TEST(HolesTest, RegionsLieAnywhereAlike) {
  constexpr int kSide = 28, kDraws = 2000;
  std::vector<double> missing(kSide * kSide);
  for (uint64_t draw = 0; draw < kDraws; ++draw) {
    const std::vector<uint8_t> hole = Hole(v1::InpaintingSpec::REGION, kSide, draw);
    for (size_t i = 0; i < hole.size(); ++i) missing[i] += hole[i] == kMissing ? 1.0 / kDraws : 0;
  }
  EXPECT_GT(*std::min_element(missing.begin(), missing.end()), 0.19);
  EXPECT_LT(*std::max_element(missing.begin(), missing.end()), 0.31);
}

// Of single pixels any network fills in the mean of the neighbours.
TEST(HolesTest, RegionsAreInPiecesOfManyPixels) {
  const std::vector<uint8_t> hole = Hole(v1::InpaintingSpec::REGION, 96, 3);
  int edges = 0;
  for (int y = 0; y < 96; ++y) {
    for (int x = 1; x < 96; ++x) edges += hole[y * 96 + x] != hole[y * 96 + x - 1];
  }
  EXPECT_LT(edges, 96 * 14);  // of independent pixels it would be 96 * 95 * 2 * 0.25 * 0.75 = 3420
}

}  // namespace
}  // namespace pretext
