#include "worker/tasks/tiles.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/randint.h>

#include <vector>

#include "gmock/gmock.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;

std::vector<uint8_t> Numbered(int side, int channels) {
  std::vector<uint8_t> view(static_cast<size_t>(side) * side * channels);
  for (size_t i = 0; i < view.size(); ++i) view[i] = static_cast<uint8_t>(i);
  return view;
}

TEST(TilesTest, CutsWhatLiesAtThePlace) {
  const std::vector<uint8_t> view = Numbered(4, 1);
  std::vector<uint8_t> tile(4);
  CutTile(view, 4, 1, {/*top=*/1, /*left=*/2}, 2, absl::MakeSpan(tile));
  EXPECT_THAT(tile, ElementsAre(6, 7, 10, 11));
}

TEST(TilesTest, MovesEachChannelByItsOwnShift) {
  const std::vector<uint8_t> view = Numbered(3, 3);
  std::vector<uint8_t> tile(3);
  TilePlace place;
  place.down = {0, 1, 2};
  place.right = {0, 0, 1};
  CutTile(view, 3, 3, place, 1, absl::MakeSpan(tile));
  EXPECT_THAT(tile, ElementsAre(0, 9 + 1, 18 + 3 + 2));
}

TEST(TilesTest, StandardizedTilesHaveMeanZeroAndDeviationOneWhateverTheirBrightness) {
  const at::Tensor tiles = at::randint(0, 100, {5, 8, 8, 3}, at::kByte);
  const at::Tensor standard = StandardizeTiles(tiles);
  EXPECT_EQ(standard.sizes(), at::IntArrayRef({5, 3, 8, 8}));
  EXPECT_LT(standard.mean({2, 3}).abs().max().item<double>(), 1e-5);
  EXPECT_LT((standard.square().mean({2, 3}) - 1).abs().max().item<double>(), 1e-4);
  EXPECT_TRUE(at::allclose(StandardizeTiles(tiles * 2 + 30), standard, 1e-4, 1e-4));
}

TEST(TilesTest, AFlatTileBecomesZeros) {
  const at::Tensor flat = at::full({1, 4, 4, 3}, 200, at::kByte);
  EXPECT_EQ(StandardizeTiles(flat).abs().max().item<double>(), 0);
}

}  // namespace
}  // namespace pretext
