#include "worker/tasks/context_prediction.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/mean.h>

#include <cmath>
#include <map>

#include "gmock/gmock.h"
#include "proto/cpp/status_matchers.h"
#include "worker/dist/thread_process_group.h"
#include "worker/tasks/toy_stage.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

TEST(NeighbourPairsTest, ThereAndBackArePointReflections) {
  const std::vector<NeighbourPair> pairs = NeighbourPairs();
  std::map<std::pair<int, int>, int> sides;
  std::map<int, int> of_side;
  for (const NeighbourPair& pair : pairs) {
    sides[{pair.first, pair.second}] = pair.side;
    ++of_side[pair.side];
  }
  EXPECT_EQ(pairs.size(), 40);
  for (const NeighbourPair& pair : pairs) EXPECT_EQ(sides.at({pair.second, pair.first}), 7 - pair.side);
  for (int side = 0; side < 8; ++side) EXPECT_EQ(of_side[side], of_side[7 - side]);
  EXPECT_EQ(sides.at({4, 0}), 0);
  EXPECT_EQ(sides.at({4, 5}), 4);
  EXPECT_EQ(sides.at({0, 4}), 7);
}

std::vector<float> Noise(int pixels) {
  Rng rng{RngKey()};
  std::vector<float> patch(3 * pixels);
  for (float& value : patch) value = static_cast<float>(rng.Uniform(0, 255));
  return patch;
}

double Correlation(const std::vector<float>& one, const std::vector<float>& other, int channel) {
  double xy = 0, xx = 0, yy = 0, x = 0, y = 0;
  const double n = one.size() / 3;
  for (size_t i = channel; i < one.size(); i += 3) {
    xy += one[i] * other[i], xx += one[i] * one[i], yy += other[i] * other[i], x += one[i], y += other[i];
  }
  return (xy - x * y / n) / std::sqrt((xx - x * x / n) * (yy - y * y / n));
}

TEST(ContextPredictionTest, DroppingColorsLeavesOneChannelAndNoise) {
  const std::vector<float> before = Noise(64 * 64);
  std::vector<float> after = before;
  Rng rng{RngKey{/*seed=*/5}};
  DropColors(/*kept=*/1, rng, absl::MakeSpan(after));
  EXPECT_NEAR(Correlation(before, after, 1), 1, 1e-6);
  for (const int channel : {0, 2}) EXPECT_LT(std::abs(Correlation(before, after, channel)), 0.05);
}

TEST(ContextPredictionTest, ProjectingTakesOutTheAxisFromGreenToMagenta) {
  std::vector<float> patch = Noise(16);
  const std::vector<float> before = patch;
  ProjectColors(absl::MakeSpan(patch));
  for (size_t i = 0; i < patch.size(); i += 3) {
    EXPECT_NEAR(-patch[i] + 2 * patch[i + 1] - patch[i + 2], 0, 1e-3);
    EXPECT_NEAR(patch[i] + patch[i + 1] + patch[i + 2], before[i] + before[i + 1] + before[i + 2], 1e-3);
  }
}

// But for flat ones, which are left as quiet as they are.
TEST(ContextPredictionTest, PatchesHaveMeanZeroAndMeanSquareOne) {
  v1::TaskSpec spec = SpecOf("context_prediction", 32);
  spec.mutable_context_prediction()->set_color(v1::ContextPredictionSpec::KEEP);
  ToyStage stage(spec, /*side=*/32);
  ASSERT_OK_AND_ASSIGN(const auto builder, MakeContextPredictionViewBuilder(stage.context));
  const at::Tensor patches = BuildBatch(*builder, stage.dataset, 0, 8).fields[0];
  EXPECT_EQ(patches.sizes(), at::IntArrayRef({8, 9, 7, 7, 3}));
  EXPECT_LT(patches.mean({2, 3}).abs().max().item<double>(), 1e-4);
  const at::Tensor squares = patches.square().mean({2, 3, 4});
  EXPECT_LT(squares.max().item<double>(), 1 + 1e-3);
  EXPECT_GT(squares.gt(1 - 1e-3).to(at::kFloat).mean().item<double>(), 0.8);
}

TEST(ContextPredictionTest, PatchesFillThePictureUnlessTold) {
  v1::TaskSpec spec = SpecOf("context_prediction", 224);
  ASSERT_OK(ResolveContextPrediction({224, 1000, 64, 100}, &spec).status());
  EXPECT_EQ(spec.context_prediction().patch(), 54);
  EXPECT_EQ(spec.context_prediction().gap(), 27);
  EXPECT_EQ(spec.context_prediction().jitter(), 4);
}

TEST(ContextPredictionTest, RefusesPatchesThatDoNotFitOrShowNothing) {
  ToyStage tiny(SpecOf("context_prediction", 16));
  EXPECT_THAT(CheckContextPrediction(tiny.context),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("raise image_size")));
  v1::TaskSpec spec = SpecOf("context_prediction", 32);
  spec.mutable_context_prediction()->set_patch(10);
  ToyStage stage(spec, /*side=*/32);
  EXPECT_THAT(CheckContextPrediction(stage.context),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("need pictures of 42 pixels")));
}

TEST(ContextPredictionTest, OneRankWithTwoGroupsIsTwoRanks) {
  ToyStage stage(SpecOf("context_prediction", 32), /*side=*/32);
  ASSERT_OK_AND_ASSIGN(const auto builder, MakeContextPredictionViewBuilder(stage.context));
  const Batch batch = BuildBatch(*builder, stage.dataset, 0, 8);
  const auto loss_of = [&](int bn_groups, const Batch& part) {
    TrainContext train;
    train.backbone = ToyBackbone(bn_groups);
    at::manual_seed(5);
    const auto task = *MakeContextPrediction(stage.context, train);
    const TaskOutput output = *task->Loss(part);
    EXPECT_EQ(output.predictions.sizes(), at::IntArrayRef({part.fields[0].size(0), 8, 40}));
    return output.loss.item<double>();
  };
  EXPECT_NEAR(loss_of(2, batch), (loss_of(1, Slice(batch, 0, 4)) + loss_of(1, Slice(batch, 4, 4))) / 2, 1e-5);
}

}  // namespace
}  // namespace pretext
