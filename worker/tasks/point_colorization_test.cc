#include "worker/tasks/point_colorization.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <utility>

#include "proto/cpp/status_matchers.h"
#include "worker/dist/thread_process_group.h"
#include "worker/tasks/colorization.h"
#include "worker/tasks/hue_chroma.h"
#include "worker/tasks/hypercolumns.h"
#include "worker/tasks/toy_stage.h"

namespace pretext {
namespace {

constexpr int kPoints = 12;

v1::TaskSpec LarssonSpec() {
  v1::TaskSpec task;
  task.mutable_colorization()->set_method(v1::ColorizationSpec::LARSSON);
  task.mutable_colorization()->set_points(kPoints);
  return WithDefaults(task, 16);
}

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

class PointColorizationTest : public ::testing::Test {
 protected:
  PointColorizationTest() { train_ = TrainFor(&group_, /*bn_groups=*/1); }

  static TrainContext TrainFor(ProcessGroup* group, int bn_groups) {
    TrainContext train;
    train.backbone = ToyBackbone(bn_groups);
    train.process_group = group;
    return train;
  }
  std::unique_ptr<PretextTask> MakeTask(const TrainContext& train) {
    at::manual_seed(5);
    return *MakeColorization(stage_.context, train);
  }
  Batch Build(const Dataset& dataset, int64_t step = 0, int64_t count = 8) {
    return BuildBatch(**MakeColorizationViewBuilder(stage_.context), dataset, count * step, count, step);
  }

  ToyStage stage_{LarssonSpec()};
  ThreadProcessGroup group_;
  TrainContext train_;
};

TEST(HypercolumnsTest, SampleIsTheEnlargedMapAtThatPixel) {
  at::manual_seed(1);
  const at::Tensor map = at::randn({2, 3, 5, 5});
  const at::Tensor enlarged = at::upsample_bilinear2d(map, {20, 20}, /*align_corners=*/false);
  const at::Tensor points =
      at::tensor({0, 0, 7, 13, 19, 0, 19, 19, 3, 10, 10, 10}, at::kLong).view({2, 3, 2});
  const at::Tensor sampled = SampleAtPoints(map, points, 20);
  ASSERT_EQ(sampled.sizes(), at::IntArrayRef({2, 3, 3}));
  for (int picture = 0; picture < 2; ++picture) {
    for (int point = 0; point < 3; ++point) {
      const int64_t row = points[picture][point][0].item<int64_t>();
      const int64_t column = points[picture][point][1].item<int64_t>();
      const at::Tensor there = enlarged[picture].select(1, row).select(1, column);
      EXPECT_TRUE(at::allclose(sampled[picture][point], there, 1e-5, 1e-5)) << row << " " << column;
    }
  }
}

TEST(HypercolumnsTest, GiveEachLayerTheSameSizeOfValues) {
  at::manual_seed(1);
  Hypercolumns columns({4, 6});
  ASSERT_EQ(columns.size(), 10);
  const at::Tensor points = at::randint(16, {8, 30, 2}, at::kLong);
  const at::Tensor found =
      columns.Forward({100 * at::randn({8, 4, 16, 16}), 0.1 * at::randn({8, 6, 4, 4}) + 3}, points, 16);
  ASSERT_EQ(found.sizes(), at::IntArrayRef({240, 10}));
  EXPECT_LT((found.square().mean(0) - 1).abs().max().item<double>(), 0.02);
  for (const at::Tensor& parameter : columns.parameters()) EXPECT_FALSE(parameter.requires_grad());
}

TEST(DivergenceTest, IsZeroForTheTruthAlone) {
  const at::Tensor truth = at::softmax(at::randn({4, kHueChromaBins}), 1);
  EXPECT_LT(Divergence(truth.log() + 3, truth).abs().max().item<double>(), 1e-5);
  EXPECT_GT(Divergence(at::randn({4, kHueChromaBins}), truth).min().item<double>(), 1e-2);
}

TEST(DivergenceTest, OfEqualScoresIsWhatTheTruthLacksOfAllEntropy) {
  at::Tensor shares = at::zeros({2, kHueChromaBins});
  shares[0][5] = 1;                        // entropy 0
  shares[1][0] = 0.5, shares[1][9] = 0.5;  // ln 2
  const at::Tensor found = Divergence(at::zeros({2, kHueChromaBins}), shares);
  EXPECT_NEAR(found[0].item<double>(), std::log(32), 1e-5);
  EXPECT_NEAR(found[1].item<double>(), std::log(16), 1e-5);
}

TEST(HueChromaLossTest, IsThatOfASlowTwin) {
  at::manual_seed(2);
  const int64_t pictures = 2, points = 3;
  const at::Tensor predictions = at::randn({pictures, kHueChromaBins, 2 * points});
  const at::Tensor hue = at::softmax(at::randn({pictures, points, kHueChromaBins}), 2);
  const at::Tensor chroma = at::softmax(at::randn({pictures, points, kHueChromaBins}), 2);
  const at::Tensor counts = at::rand({pictures, points, 2});
  double sum = 0;
  for (int64_t i = 0; i < pictures; ++i) {
    for (int64_t p = 0; p < points; ++p) {
      const auto divergence = [&](const at::Tensor& truth, int64_t place) {
        const at::Tensor predicted = at::softmax(predictions[i].select(1, place), 0);
        double of_bins = 0;
        for (int64_t k = 0; k < kHueChromaBins; ++k) {
          const double t = truth[i][p][k].item<double>();
          of_bins += t * std::log(t / predicted[k].item<double>());
        }
        return of_bins;
      };
      sum += counts[i][p][1].item<double>() * divergence(chroma, points + p) +
             4 * counts[i][p][0].item<double>() * divergence(hue, p);
    }
  }
  EXPECT_NEAR(HueChromaLoss(predictions, hue, chroma, counts, /*hue_weight=*/4).item<double>(), sum / 6,
              1e-5);
}

TEST(HueChromaLossTest, AGreyPointSaysNothingOfHues) {
  at::Tensor predictions = at::randn({1, kHueChromaBins, 2}).requires_grad_(true);
  const at::Tensor shares = at::softmax(at::randn({1, 1, kHueChromaBins}), 2);
  const at::Tensor counts = at::tensor({0.0f, 1.0f}).view({1, 1, 2});
  const at::Tensor loss = HueChromaLoss(predictions, shares, shares, counts, 5);
  loss.backward();
  EXPECT_GT(loss.item<double>(), 0);
  EXPECT_EQ(predictions.grad().select(2, 0).abs().max().item<double>(), 0);
  EXPECT_GT(predictions.grad().select(2, 1).abs().max().item<double>(), 0);
}

TEST(HalfDropoutTest, DependsOnThePictureAndTheStepAlone) {
  const DropoutKey key{7, 0, 3, 0, 0};
  const at::Tensor kept = HalfDropout(key, 4, 5, 1024, at::kCPU);
  ASSERT_EQ(kept.sizes(), at::IntArrayRef({20, 1024}));
  EXPECT_NEAR(kept.to(at::kFloat).mean().item<double>(), 0.5, 0.01);
  EXPECT_FALSE(at::equal(kept[0], kept[1]));
  DropoutKey second = key;
  second.first_picture = 2;
  EXPECT_TRUE(at::equal(HalfDropout(second, 2, 5, 1024, at::kCPU), kept.narrow(0, 10, 10)));
  for (const DropoutKey& other : {DropoutKey{8, 0, 3, 0, 0}, DropoutKey{7, 1, 3, 0, 0},
                                  DropoutKey{7, 0, 4, 0, 0}, DropoutKey{7, 0, 3, 1, 0}}) {
    EXPECT_FALSE(at::equal(HalfDropout(other, 4, 5, 1024, at::kCPU), kept));
  }
}

TEST_F(PointColorizationTest, FieldsHoldWhatLiesAroundEachPoint) {
  stage_.context.spec.mutable_colorization()->set_window(5);
  const Batch batch = Build(stage_.dataset);
  ASSERT_EQ(batch.fields[0].sizes(), at::IntArrayRef({8, 16, 16, 1}));
  ASSERT_EQ(batch.fields[1].sizes(), at::IntArrayRef({8, kPoints, 2}));
  EXPECT_GE(batch.fields[1].min().item<int64_t>(), 2);
  EXPECT_LE(batch.fields[1].max().item<int64_t>(), 13);
  for (const int histogram : {2, 3}) {
    ASSERT_EQ(batch.fields[histogram].sizes(), at::IntArrayRef({8, kPoints, kHueChromaBins}));
    EXPECT_LT((batch.fields[histogram].sum(2) - 1).abs().max().item<double>(), 1e-5);
  }
  EXPECT_GT(batch.fields[4].min().item<double>(), -1e-9);
  EXPECT_GT(batch.fields[4].select(2, 0).max().item<double>(), 0.1);  // there are vivid points
  EXPECT_EQ(batch.fields[4].select(2, 1).max().item<double>(), 1);
}

TEST_F(PointColorizationTest, AGreyBatchGivesNeitherLossNorGradient) {
  const auto task = MakeTask(train_);
  ASSERT_OK_AND_ASSIGN(const TaskOutput output, task->Loss(Build(GrayDataset(8, 16))));
  EXPECT_EQ(output.loss.item<double>(), 0);
  output.loss.backward();
  for (const at::Tensor& parameter : train_.backbone->parameters()) {
    EXPECT_EQ(parameter.grad().abs().max().item<double>(), 0);
  }
  EXPECT_EQ(Metric(output, "colorful_share"), 0);
  EXPECT_TRUE(std::isfinite(Metric(output, "hue_accuracy")));
}

TEST_F(PointColorizationTest, StartsAtChanceWithAZeroHead) {
  const auto task = MakeTask(train_);
  for (at::Tensor& parameter : task->module().parameters()) {
    if (parameter.requires_grad()) parameter.detach().zero_();
  }
  double sum = 0;
  for (int64_t step = 0; step < 4; ++step) {
    sum += task->Loss(Build(stage_.dataset, step, 16))->loss.item<double>() / 4;
  }
  EXPECT_NEAR(sum / task->chance_loss(), 1, 0.15);
}

TEST_F(PointColorizationTest, ChanceIsTheSameOnAnyNumberOfRanks) {
  const double alone = MakeTask(train_)->chance_loss();
  std::vector<double> found(3);
  RunRanks(3, [&](ProcessGroup& group) {
    found[group.rank()] = (*MakeColorization(stage_.context, TrainFor(&group, 1)))->chance_loss();
  });
  for (const double chance : found) EXPECT_NEAR(chance, alone, 1e-12);
}

TEST_F(PointColorizationTest, KeepsItsOutputsPromises) {
  const auto task = MakeTask(train_);
  ASSERT_OK_AND_ASSIGN(const TaskOutput output, task->Loss(Build(stage_.dataset)));
  EXPECT_EQ(task->predicts(), PredictionKind::kLogits);
  EXPECT_EQ(output.predictions.sizes(), at::IntArrayRef({8, kHueChromaBins, 2 * kPoints}));
  EXPECT_EQ(output.features.sizes(), at::IntArrayRef({8, train_.backbone->feature_size()}));
  output.loss.backward();
  for (const auto& item : task->module().named_parameters()) {
    EXPECT_EQ(item.value().grad().defined(), item.value().requires_grad()) << item.key();
  }
  for (const auto& item : train_.backbone->named_parameters()) {
    EXPECT_TRUE(item.value().grad().defined()) << item.key();
  }
}

TEST_F(PointColorizationTest, AnswersWithoutDropoutInEvaluation) {
  const auto task = MakeTask(train_);
  const Batch batch = Build(stage_.dataset);
  ASSERT_OK_AND_ASSIGN(const Answers training, task->Answer(batch));
  task->module().eval();
  train_.backbone->eval();
  ASSERT_OK_AND_ASSIGN(const Answers first, task->Answer(batch));
  Batch later = batch;
  later.step = 9;
  ASSERT_OK_AND_ASSIGN(const Answers second, task->Answer(later));
  EXPECT_TRUE(at::equal(first.predictions, second.predictions));
  EXPECT_FALSE(at::allclose(first.predictions, training.predictions));
}

TEST_F(PointColorizationTest, ContinuesFromItsModuleAsIfNeverInterrupted) {
  const auto task = MakeTask(train_);
  for (int64_t step = 0; step < 2; ++step) {
    TrainStep(*task, *train_.backbone, Build(stage_.dataset, step), 0.05);
  }
  const TrainContext resumed = TrainFor(&group_, 1);
  const auto copy = *MakeColorization(stage_.context, resumed);
  CopyState(*train_.backbone, *resumed.backbone);
  CopyState(task->module(), copy->module());
  for (int64_t step = 2; step < 4; ++step) {
    const Batch batch = Build(stage_.dataset, step);
    EXPECT_EQ(TrainStep(*task, *train_.backbone, batch, 0.05),
              TrainStep(*copy, *resumed.backbone, batch, 0.05));
  }
}

// Dropout and statistics alike: the second rank has the masks of the second half of the batch.
TEST_F(PointColorizationTest, OneRankWithTwoGroupsIsTwoRanks) {
  const Batch batch = Build(stage_.dataset, /*step=*/3);
  const TrainContext alone = TrainFor(&group_, /*bn_groups=*/2);
  const auto task = MakeTask(alone);
  std::vector<double> losses(2);
  RunRanks(2, [&](ProcessGroup& group) {
    const TrainContext train = TrainFor(&group, /*bn_groups=*/1);
    const auto half = *MakeColorization(stage_.context, train);
    // LibTorch's generator is shared by the threads, which draw what this replaces.
    CopyState(*alone.backbone, *train.backbone);
    CopyState(task->module(), half->module());
    losses[group.rank()] = half->Loss(Slice(batch, 4 * group.rank(), 4))->loss.item<double>();
  });
  EXPECT_NEAR(task->Loss(batch)->loss.item<double>(), (losses[0] + losses[1]) / 2, 1e-5);
}

TEST_F(PointColorizationTest, LearnsAToySet) {
  const auto task = MakeTask(train_);
  double first = 0, last = 0;
  for (int64_t step = 0; step < 30; ++step) {
    const double loss = TrainStep(*task, *train_.backbone, Build(stage_.dataset, step, 16), 0.05);
    if (step < 4) first += loss / 4;
    if (step >= 26) last += loss / 4;
  }
  EXPECT_LT(last, 0.9 * first) << "from " << first << " to " << last;
}

TEST_F(PointColorizationTest, RefusesWhatItCannotColor) {
  const GrayDataset gray(64, 16);
  stage_.context.dataset = &gray;
  EXPECT_THAT(MakeColorization(stage_.context, train_),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       ::testing::HasSubstr("none of the 64 pictures looked at has any colour")));
  stage_.context.spec.mutable_colorization()->set_window(17);
  EXPECT_THAT(CheckColorization(stage_.context),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       ::testing::HasSubstr("squares of 17 pixels (window) do not fit")));
}

TEST_F(PointColorizationTest, ResolvesItsWindowFromThePicturesSize) {
  for (const auto& [side, window] : {std::pair(64, 1), std::pair(65, 7)}) {
    v1::TaskSpec task = LarssonSpec();
    ASSERT_OK_AND_ASSIGN(const auto fields, ResolveColorization({side, 100, 8, 100}, &task));
    EXPECT_EQ(task.colorization().window(), window);
    ASSERT_EQ(fields.size(), 1);
    EXPECT_EQ(fields[0].path, "window");
    ASSERT_OK_AND_ASSIGN(const auto again, ResolveColorization({side, 100, 8, 100}, &task));
    EXPECT_TRUE(again.empty());
  }
}

}  // namespace
}  // namespace pretext
