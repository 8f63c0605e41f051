#include "worker/tasks/jigsaw.h"

#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <set>

#include "gmock/gmock.h"
#include "proto/cpp/status_matchers.h"
#include "worker/dist/thread_process_group.h"
#include "worker/tasks/permutation_set.h"
#include "worker/tasks/toy_stage.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

v1::TaskSpec JigsawOf(int side, int grid, int gap) {
  v1::TaskSpec spec;
  spec.mutable_jigsaw()->set_grid(grid);
  spec.mutable_jigsaw()->set_gap(gap);
  spec.mutable_jigsaw()->set_channel_shift(0);
  return WithDefaults(spec, side);
}

// Leaves a view as it is: all that varies is the puzzle.
v1::TaskSpec WithoutAugment(v1::TaskSpec spec) {
  v1::AugmentSpec* augment = spec.mutable_jigsaw()->mutable_augment();
  augment->set_crop_scale_min(1);
  augment->set_flip_probability(0);
  augment->set_gray_probability(0);
  return spec;
}

TEST(JigsawTest, PuttingTheTilesBackRestoresThePicture) {
  ToyStage stage(WithoutAugment(JigsawOf(16, /*grid=*/2, /*gap=*/0)));
  ASSERT_OK_AND_ASSIGN(const auto builder, MakeJigsawViewBuilder(stage.context));
  const Batch batch = BuildBatch(*builder, stage.dataset, 0, 8);
  const auto orders = ChoosePermutations(4, 24, PermutationRule::kMaxMin);
  std::set<int64_t> seen;
  for (int64_t i = 0; i < 8; ++i) {
    const int64_t number = batch.fields[1][i].item<int64_t>();
    seen.insert(number);
    at::Tensor picture = at::zeros({16, 16, 3}, at::kByte);
    for (int place = 0; place < 4; ++place) {
      const int tile = orders[number][place];
      picture.narrow(0, tile / 2 * 8, 8).narrow(1, tile % 2 * 8, 8).copy_(batch.fields[0][i][place]);
    }
    const Image image = *stage.dataset.Load(i);
    const at::Tensor expected = at::tensor(image.pixels, at::kByte).view({16, 16, 3});
    EXPECT_TRUE(at::equal(picture, expected)) << i;
  }
  EXPECT_GT(seen.size(), 4);
}

// Tiles of a picture that says where each pixel is, so that a tile's corners tell its place.
TEST(JigsawTest, TilesVaryWithinTheirCellAndNeverLeaveIt) {
  class Coordinates : public ToyDataset {
   public:
    Coordinates() : ToyDataset(1, 30) {}
    absl::StatusOr<Image> Load(int64_t) const override {
      Image image{30, 30, 3, {}};
      for (int y = 0; y < 30; ++y) {
        for (int x = 0; x < 30; ++x) {
          for (const int value : {y, x, 0}) image.pixels.push_back(static_cast<uint8_t>(value));
        }
      }
      return image;
    }
  };
  v1::TaskSpec spec = WithoutAugment(JigsawOf(30, /*grid=*/3, /*gap=*/2));
  spec.mutable_jigsaw()->set_channel_shift(1);
  ToyStage stage(spec, /*side=*/30);
  const Coordinates coordinates;
  ASSERT_OK_AND_ASSIGN(const auto builder, MakeJigsawViewBuilder(stage.context));
  const auto orders = ChoosePermutations(9, 100, PermutationRule::kMaxMin);
  std::set<int64_t> offsets;
  for (uint32_t epoch = 0; epoch < 50; ++epoch) {
    const Batch batch = BuildBatch(*builder, coordinates, 0, 1, 0, epoch);
    const TileOrder& order = orders[batch.fields[1][0].item<int64_t>()];
    for (int place = 0; place < 9; ++place) {
      const at::Tensor tile = batch.fields[0][0][place];
      ASSERT_EQ(tile.sizes(), at::IntArrayRef({8, 8, 3}));
      const int64_t top = tile[0][0][0].item<int64_t>() - order[place] / 3 * 10;
      const int64_t left = tile[0][0][1].item<int64_t>() - order[place] % 3 * 10;
      for (const int64_t offset : {top, left}) {
        EXPECT_GE(offset, 0);
        EXPECT_LE(offset, 2);
        offsets.insert(offset);
      }
    }
  }
  EXPECT_EQ(offsets.size(), 3);
}

TEST(JigsawTest, SmallPicturesGetFourTilesAndLargeOnesNine) {
  v1::TaskSpec small = SpecOf("jigsaw", 28), large = SpecOf("jigsaw", 224);
  ASSERT_OK(ResolveJigsaw({28, 1000, 64, 100}, &small).status());
  ASSERT_OK(ResolveJigsaw({224, 1000, 64, 100}, &large).status());
  EXPECT_EQ(small.jigsaw().grid(), 2);
  EXPECT_EQ(small.jigsaw().permutations(), 24);
  EXPECT_EQ(small.jigsaw().gap(), 2);
  EXPECT_EQ(large.jigsaw().grid(), 3);
  EXPECT_EQ(large.jigsaw().permutations(), 100);
  EXPECT_EQ(large.jigsaw().gap(), 11);
  EXPECT_EQ(large.jigsaw().channel_shift(), 1);
}

TEST(JigsawTest, RefusesTilesTooSmallToShowAnything) {
  ToyStage stage(JigsawOf(16, /*grid=*/3, /*gap=*/1));
  EXPECT_THAT(CheckJigsaw(stage.context),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("tiles of 4")));
}

TEST(JigsawTest, AnOccludedTileIsThatOfThePictureBeforeInItsGroup) {
  const at::Tensor tiles = at::arange(8, at::kByte).view({4, 2, 1, 1, 1});  // of picture i: 2 i, 2 i + 1
  const at::Tensor occluded = at::tensor({1, 0, 0, 1, 0, 0, 1, 1}, at::kByte).view({4, 2});
  const auto shown = [&](int groups) {
    return OccludeTiles(tiles, occluded, groups).flatten().to(at::kLong);
  };
  EXPECT_TRUE(at::equal(shown(1), at::tensor({6, 1, 2, 1, 4, 5, 4, 5}, at::kLong)));
  EXPECT_TRUE(at::equal(shown(2), at::tensor({2, 1, 2, 1, 4, 5, 4, 5}, at::kLong)));
}

TEST(JigsawTest, OccludesAtMostSoManyTiles) {
  v1::TaskSpec spec = JigsawOf(32, /*grid=*/3, /*gap=*/1);
  spec.mutable_jigsaw()->set_occluded_tiles(2);
  ToyStage stage(spec, /*side=*/32);
  ASSERT_OK_AND_ASSIGN(const auto builder, MakeJigsawViewBuilder(stage.context));
  const at::Tensor counts = BuildBatch(*builder, stage.dataset, 0, 64).fields[2].sum(1);
  EXPECT_EQ(counts.min().item<int64_t>(), 0);
  EXPECT_EQ(counts.max().item<int64_t>(), 2);
}

class JigsawTaskTest : public ::testing::Test {
 protected:
  JigsawTaskTest() : stage_(SpecOf("jigsaw", 16)), builder_(*MakeJigsawViewBuilder(stage_.context)) {}

  TaskOutput LossOf(const Batch& batch, int bn_groups = 1) {
    TrainContext train;
    train.backbone = ToyBackbone(bn_groups);
    train.process_group = &group_;
    at::manual_seed(5);
    const auto task = *MakeJigsaw(stage_.context, train);
    return *task->Loss(batch);
  }

  ToyStage stage_;
  std::unique_ptr<ViewBuilder> builder_;
  ThreadProcessGroup group_;
};

TEST_F(JigsawTaskTest, TheHeadSeesTheOrderAndTheBackboneDoesNot) {
  const Batch batch = BuildBatch(*builder_, stage_.dataset, 0, 8);
  Batch turned = batch;
  turned.fields[0] = batch.fields[0].flip(1);
  const TaskOutput one = LossOf(batch), other = LossOf(turned);
  EXPECT_TRUE(at::allclose(one.features, other.features, 1e-4, 1e-5));
  EXPECT_FALSE(at::allclose(one.predictions, other.predictions, 1e-3, 1e-3));
}

TEST_F(JigsawTaskTest, OneRankWithTwoGroupsIsTwoRanks) {
  const Batch batch = BuildBatch(*builder_, stage_.dataset, 0, 8);
  const double together = LossOf(batch, /*bn_groups=*/2).loss.item<double>();
  const double apart =
      (LossOf(Slice(batch, 0, 4)).loss.item<double>() + LossOf(Slice(batch, 4, 4)).loss.item<double>()) / 2;
  EXPECT_NEAR(together, apart, 1e-5);
}

}  // namespace
}  // namespace pretext
