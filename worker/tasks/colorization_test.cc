#include "worker/tasks/colorization.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones.h>

#include <cmath>
#include <numeric>

#include "proto/cpp/status_matchers.h"
#include "worker/dist/thread_process_group.h"
#include "worker/tasks/color_bins.h"
#include "worker/tasks/colorization_view_builder.h"
#include "worker/tasks/toy_stage.h"

namespace pretext {
namespace {

// Three channels, no colour.
class GrayDataset : public ToyDataset {
 public:
  using ToyDataset::ToyDataset;
  absl::StatusOr<Image> Load(int64_t index) const override {
    absl::StatusOr<Image> image = ToyDataset::Load(index);
    for (size_t i = 0; i < image->pixels.size(); ++i) image->pixels[i] = image->pixels[i / 3 * 3];
    return image;
  }
};

// Some of its files are broken.
class BrokenDataset : public ToyDataset {
 public:
  using ToyDataset::ToyDataset;
  absl::StatusOr<Image> Load(int64_t index) const override {
    if (index % 4 == 1) return absl::DataLossError("cut short");
    return ToyDataset::Load(index);
  }
};

class ColorizationTest : public ::testing::Test {
 protected:
  ColorizationTest() {
    train_.backbone = ToyBackbone();
    train_.process_group = &group_;
  }

  std::unique_ptr<PretextTask> MakeTask() { return *MakeColorization(stage_.context, train_); }
  Batch Build(const Dataset& dataset) {
    return BuildBatch(**MakeColorizationViewBuilder(stage_.context), dataset, 0, 8);
  }

  ToyStage stage_{SpecOf("colorization", 16)};
  ThreadProcessGroup group_;
  TrainContext train_;
};

TEST_F(ColorizationTest, FieldsHoldLightnessAndADistributionOfColorsACell) {
  const Batch batch = Build(stage_.dataset);
  EXPECT_EQ(batch.fields[0].sizes(), at::IntArrayRef({8, 16, 16, 1}));
  EXPECT_EQ(batch.fields[1].sizes(), at::IntArrayRef({8, 4, 4, 5}));
  EXPECT_GE(batch.fields[0].min().item<double>(), 0);
  EXPECT_LE(batch.fields[0].max().item<double>(), 100);
  EXPECT_GT(batch.fields[0].max().item<double>(), 30);
  EXPECT_GE(batch.fields[1].min().item<int64_t>(), 0);
  EXPECT_LT(batch.fields[1].max().item<int64_t>(), kColorBins);
  EXPECT_LT((batch.fields[2].sum(3) - 1).abs().max().item<double>(), 1e-6);
  EXPECT_EQ(batch.fields[3].sum().item<double>(), 8);
}

TEST_F(ColorizationTest, TakesEveryFourthPixelFromTheCornerOn) {
  std::vector<uint8_t> rgb(10 * 10 * 3, 128);
  rgb[(4 * 10 + 8) * 3] = 255;  // row 4, column 8
  rgb[(5 * 10 + 8) * 3] = 255;  // not looked at
  const std::vector<Lab> colors = CellColors(rgb, 10);
  ASSERT_EQ(colors.size(), 9);
  for (int i = 0; i < 9; ++i) EXPECT_EQ(colors[i].a > 5, i == 5) << i;
}

TEST_F(ColorizationTest, AGreyBatchGivesNeitherLossNorGradient) {
  const auto task = MakeTask();
  const GrayDataset gray(8, 16);
  ASSERT_OK_AND_ASSIGN(const TaskOutput output, task->Loss(Build(gray)));
  EXPECT_EQ(output.loss.item<double>(), 0);
  EXPECT_EQ(Metric(output, "colorful_share"), 0);
  EXPECT_EQ(Metric(output, "cross_entropy"), 0);
  output.loss.backward();
  for (const at::Tensor& parameter : train_.backbone->parameters()) {
    EXPECT_EQ(parameter.grad().abs().sum().item<double>(), 0);
  }
}

TEST_F(ColorizationTest, UnweightedCrossEntropyIsExactlyChanceForAZeroDecoder) {
  const auto task = MakeTask();
  for (at::Tensor& parameter : task->module().parameters()) parameter.detach().zero_();
  ASSERT_OK_AND_ASSIGN(const TaskOutput output, task->Loss(Build(stage_.dataset)));
  EXPECT_NEAR(Metric(output, "cross_entropy"), 5.7462, 1e-4);
}

// Chance was measured on the same pictures, by their centres.
TEST_F(ColorizationTest, RebalancedLossIsNearChanceForAZeroDecoder) {
  const auto task = MakeTask();
  for (at::Tensor& parameter : task->module().parameters()) parameter.detach().zero_();
  double sum = 0;
  const auto builder = *MakeColorizationViewBuilder(stage_.context);
  for (int i = 0; i < 4; ++i) {
    sum += task->Loss(BuildBatch(*builder, stage_.dataset, 16 * i, 16))->loss.item<double>() / 4;
  }
  EXPECT_NEAR(sum / task->chance_loss(), 1, 0.15);
}

TEST_F(ColorizationTest, ChanceIsTheLogarithmOfTheBinsWhereAllColorsWeighTheSame) {
  stage_.context.spec.mutable_colorization()->set_uniform_share(1);
  EXPECT_NEAR(MakeTask()->chance_loss(), 5.7462, 1e-4);
}

TEST_F(ColorizationTest, WeighsCellsByTheRarityOfTheirColor) {
  const auto task = MakeTask();
  for (at::Tensor& parameter : task->module().parameters()) parameter.detach().zero_();
  const at::Tensor weights = task->module().named_buffers()["rebalancing"];
  const Batch batch = Build(stage_.dataset);
  const double expected =
      weights.index_select(0, batch.fields[1].select(3, 0).reshape(-1)).mean().item<double>();
  EXPECT_NEAR(task->Loss(batch)->loss.item<double>(), expected * std::log(313), 1e-4);
}

TEST_F(ColorizationTest, CountsTheSameColorsOnAnyNumberOfRanks) {
  ASSERT_OK_AND_ASSIGN(const ColorCounts alone, CountColors(stage_.dataset, 40, 16, train_));
  EXPECT_EQ(std::accumulate(alone.cells.begin(), alone.cells.end(), int64_t{0}), 40 * 16);
  EXPECT_EQ(alone.pictures, 40);
  EXPECT_EQ(alone.colorful, 40);
  std::vector<ColorCounts> counts(3);
  RunRanks(3, [&](ProcessGroup& group) {
    TrainContext train;
    train.process_group = &group;
    counts[group.rank()] = *CountColors(stage_.dataset, 40, 16, train);
  });
  for (const ColorCounts& of_rank : counts) {
    EXPECT_EQ(of_rank.cells, alone.cells);
    EXPECT_EQ(of_rank.pictures, 40);
    EXPECT_EQ(of_rank.colorful, 40);
  }
}

TEST_F(ColorizationTest, CountsPastBrokenPictures) {
  const BrokenDataset broken(40, 16);
  ASSERT_OK_AND_ASSIGN(const ColorCounts counts, CountColors(broken, 1000, 16, train_));
  EXPECT_EQ(std::accumulate(counts.cells.begin(), counts.cells.end(), int64_t{0}), 30 * 16);
  EXPECT_EQ(counts.pictures, 30);
}

TEST_F(ColorizationTest, ScoresCellsOfAnySide) {
  for (const bool small_stem : {false, true}) {
    for (const int side : {32, 50}) {
      ToyStage stage(SpecOf("colorization", side), side);
      BackboneOptions options;
      options.name = "resnet10_narrow";
      options.small_stem = small_stem;
      TrainContext train = train_;
      train.backbone = *MakeBackbone(options);
      ASSERT_OK_AND_ASSIGN(const auto task, MakeColorization(stage.context, train));
      ASSERT_OK_AND_ASSIGN(const auto builder, MakeColorizationViewBuilder(stage.context));
      ASSERT_OK_AND_ASSIGN(const TaskOutput output, task->Loss(BuildBatch(*builder, stage.dataset, 0, 4)));
      EXPECT_EQ(output.predictions.sizes(),
                at::IntArrayRef({4, kColorBins, ColorCells(side), ColorCells(side)}));
    }
  }
}

TEST_F(ColorizationTest, MakingTheTaskLeavesTheBackboneAsItWas) {
  const at::Tensor before = train_.backbone->named_buffers()["bn1.running_mean"].clone();
  MakeTask();
  EXPECT_TRUE(train_.backbone->is_training());
  EXPECT_TRUE(train_.backbone->named_buffers()["bn1.running_mean"].equal(before));
}

TEST_F(ColorizationTest, RefusesGreyPicturesWithTheReason) {
  ToyStage gray(SpecOf("colorization", 16), 16, 64, /*channels=*/1);
  EXPECT_THAT(CheckColorization(gray.context),
              StatusIs(absl::StatusCode::kInvalidArgument, ::testing::HasSubstr("pictures are grey")));
  const GrayDataset hidden(64, 16);
  stage_.context.dataset = &hidden;
  EXPECT_THAT(MakeColorization(stage_.context, train_),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       ::testing::HasSubstr("none of the 64 pictures looked at has any colour")));
}

}  // namespace
}  // namespace pretext
