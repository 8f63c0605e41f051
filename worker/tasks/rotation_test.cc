#include "worker/tasks/rotation.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rot90.h>
#include <ATen/ops/tensor.h>

#include "proto/cpp/status_matchers.h"
#include "worker/dist/thread_process_group.h"
#include "worker/tasks/toy_stage.h"

namespace pretext {
namespace {

TEST(RotationTest, TurnsCounterClockwiseAndKeepsAPicturesTurnsTogether) {
  const at::Tensor pictures = at::arange(8, at::kByte).view({2, 2, 2, 1});  // 0 1 / 2 3 and 4 5 / 6 7
  const at::Tensor turned = FourRotations(pictures);
  ASSERT_EQ(turned.sizes(), at::IntArrayRef({8, 2, 2, 1}));
  const auto expect = [&](int64_t row, std::vector<int64_t> pixels) {
    EXPECT_TRUE(at::equal(turned[row].flatten().to(at::kLong), at::tensor(pixels))) << row;
  };
  expect(0, {0, 1, 2, 3});
  expect(1, {1, 3, 0, 2});
  expect(2, {3, 2, 1, 0});
  expect(3, {2, 0, 3, 1});
  expect(4, {4, 5, 6, 7});
  expect(7, {6, 4, 7, 5});
}

TEST(RotationTest, FourQuarterTurnsAreNone) {
  const at::Tensor picture = at::arange(27, at::kByte).view({1, 3, 3, 3});
  const at::Tensor last = FourRotations(picture)[3];
  EXPECT_TRUE(at::equal(at::rot90(last, 1, {0, 1}), picture[0]));
}

// Each turn is a quarter of the batch: a network that always says one of them is right for exactly that.
TEST(RotationTest, LabelsAreBalanced) {
  ToyStage stage(SpecOf("rotation", 16));
  ThreadProcessGroup group;
  TrainContext train;
  train.backbone = ToyBackbone();
  train.process_group = &group;
  ASSERT_OK_AND_ASSIGN(const auto task, MakeRotation(stage.context, train));
  ASSERT_OK_AND_ASSIGN(const auto builder, MakeRotationViewBuilder(stage.context));
  for (at::Tensor& parameter : task->module().parameters()) parameter.detach().zero_();
  ASSERT_OK_AND_ASSIGN(const TaskOutput output, task->Loss(BuildBatch(*builder, stage.dataset, 0, 8)));
  EXPECT_EQ(Metric(output, "accuracy"), 0.25);
  EXPECT_NEAR(output.loss.item<double>(), 1.386294, 1e-6);
  EXPECT_EQ(output.predictions.sizes(), at::IntArrayRef({8, 4, 4}));
}

TEST(RotationTest, PredictsClassesAlongTheFirstAxis) {
  ToyStage stage(SpecOf("rotation", 16));
  TrainContext train;
  train.backbone = ToyBackbone();
  ASSERT_OK_AND_ASSIGN(const auto task, MakeRotation(stage.context, train));
  ASSERT_OK_AND_ASSIGN(const auto builder, MakeRotationViewBuilder(stage.context));
  at::NoGradGuard no_grad;
  for (at::Tensor& parameter : task->module().parameters()) {
    parameter.zero_();
    if (parameter.dim() == 1) parameter.select(0, 2).fill_(5);  // the bias of the third class
  }
  ASSERT_OK_AND_ASSIGN(const Answers answers, task->Answer(BuildBatch(*builder, stage.dataset, 0, 8)));
  EXPECT_TRUE(at::equal(answers.predictions.argmax(1), at::full({8, 4}, 2, at::kLong)));
}

// One rank with two groups of statistics computes what two ranks do.
TEST(RotationTest, OneRankWithTwoGroupsIsTwoRanks) {
  ToyStage stage(SpecOf("rotation", 16));
  ASSERT_OK_AND_ASSIGN(const auto builder, MakeRotationViewBuilder(stage.context));
  const Batch batch = BuildBatch(*builder, stage.dataset, 0, 8);
  const auto loss_of = [&](int bn_groups, const Batch& part) {
    TrainContext train;
    train.backbone = ToyBackbone(bn_groups);
    at::manual_seed(5);
    return (*MakeRotation(stage.context, train))->Loss(part)->loss.item<double>();
  };
  EXPECT_NEAR(loss_of(2, batch), (loss_of(1, Slice(batch, 0, 4)) + loss_of(1, Slice(batch, 4, 4))) / 2, 1e-5);
}

TEST(RotationTest, RefusesAnEmptyDataSet) {
  ToyStage stage(SpecOf("rotation", 16), 16, /*pictures=*/0);
  EXPECT_THAT(CheckRotation(stage.context),
              StatusIs(absl::StatusCode::kInvalidArgument, ::testing::HasSubstr("no pictures")));
}

}  // namespace
}  // namespace pretext
