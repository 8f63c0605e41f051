#include "worker/tasks/inpainting.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "gmock/gmock.h"
#include "proto/cpp/status_matchers.h"
#include "worker/dist/thread_process_group.h"
#include "worker/tasks/fill_adversary.h"
#include "worker/tasks/holes.h"
#include "worker/tasks/toy_stage.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

class InpaintingTest : public ::testing::Test {
 protected:
  InpaintingTest() : spec_(SpecOf("inpainting", 16)), inpainting_(*spec_.mutable_inpainting()) {}

  // The stage is made from the spec as it is then.
  std::unique_ptr<PretextTask> MakeTask(int channels = 3) {
    stage_ = std::make_unique<ToyStage>(spec_, 16, 64, channels);
    TrainContext train;
    train.backbone = backbone_ = ToyBackbone(/*bn_groups=*/1, channels);
    train.process_group = &group_;
    at::manual_seed(5);
    return *MakeInpainting(stage_->context, train);
  }
  Batch MakeBatch(int64_t count, int64_t first = 0) {
    return BuildBatch(**MakeInpaintingViewBuilder(stage_->context), stage_->dataset, first, count);
  }

  v1::TaskSpec spec_;
  v1::InpaintingSpec& inpainting_;
  std::unique_ptr<ToyStage> stage_;
  ThreadProcessGroup group_;
  Backbone backbone_;
};

TEST(WeightedSquaresTest, WhatLiesOutsideCountsNothingAndGetsNoGradient) {
  at::Tensor weights = at::zeros({2, 1, 4, 4});
  weights.narrow(2, 1, 2).fill_(1);
  at::Tensor errors = at::randn({2, 3, 4, 4}).requires_grad_();
  const at::Tensor loss = WeightedSquares(errors, weights);
  loss.sum().backward();
  EXPECT_EQ((errors.grad() * (1 - weights)).abs().max().item<double>(), 0);
  EXPECT_GT(errors.grad().narrow(2, 1, 2).abs().min().item<double>(), 0);
  const at::Tensor changed = errors.detach() + at::randn({2, 3, 4, 4}) * (1 - weights);
  EXPECT_TRUE(at::equal(WeightedSquares(changed, weights), loss));
  EXPECT_TRUE(at::equal(WeightedSquares(at::zeros({2, 3, 4, 4}), weights), at::zeros({2})));
}

TEST(WeightedSquaresTest, EqualsASlowTwinAndIsZeroWhereNothingIsAsked) {
  at::Tensor weights = at::zeros({2, 1, 2, 2});
  weights[0][0][0][0] = 1;
  weights[0][0][1][0] = 10;
  const at::Tensor errors = at::randn({2, 3, 2, 2});
  double sum = 0;
  for (int64_t c = 0; c < 3; ++c) {
    sum +=
        std::pow(errors[0][c][0][0].item<double>(), 2) + 10 * std::pow(errors[0][c][1][0].item<double>(), 2);
  }
  const at::Tensor squares = WeightedSquares(errors, weights);
  EXPECT_NEAR(squares[0].item<double>(), sum / 33, 1e-5);
  EXPECT_EQ(squares[1].item<double>(), 0);
}

TEST_F(InpaintingTest, ShowsEveryKnownPixelAsItIsAndOneColorElsewhere) {
  MakeTask();
  const Batch batch = MakeBatch(8);
  const at::Tensor color = at::tensor({10, 20, 30}).to(at::kByte);
  const at::Tensor shown = FillHoles(batch.fields[0], batch.fields[1], color);
  const at::Tensor missing = batch.fields[1].eq(kMissing);
  EXPECT_TRUE(at::equal(shown.masked_select(~missing), batch.fields[0].masked_select(~missing)));
  EXPECT_TRUE(at::equal(shown.masked_select(missing), color.expand_as(shown).masked_select(missing)));
  EXPECT_GT(missing.sum().item<int64_t>(), 0);
}

// What the mean costs is the data's variance in the holes, which is 1 on average over many.
TEST_F(InpaintingTest, SayingTheMeanEverywhereCostsTheVarianceOfWhatIsMissing) {
  inpainting_.mutable_augment()->set_crop_scale_min(1);
  const auto task = MakeTask();
  {
    at::NoGradGuard no_grad;
    for (at::Tensor& parameter : task->module().parameters()) parameter.zero_();
  }
  const Batch batch = MakeBatch(64);
  ASSERT_OK_AND_ASSIGN(const TaskOutput output, task->Loss(batch));
  const at::Tensor mean = task->module().named_buffers()["mean"];
  const at::Tensor deviation = task->module().named_buffers()["deviation"];
  double want = 0;
  for (int64_t i = 0; i < 64; ++i) {
    const at::Tensor pixels = ((batch.fields[0][i].to(at::kFloat) - mean) / deviation)
                                  .masked_select(batch.fields[1][i].eq(kMissing));
    want += pixels.square().mean().item<double>() / 64;
  }
  EXPECT_NEAR(output.loss.item<double>(), want, 1e-4);
  EXPECT_NEAR(output.loss.item<double>(), task->chance_loss(), 0.15);
}

TEST_F(InpaintingTest, PicturesShownWholeCountNothingAndTheOthersMore) {
  inpainting_.set_whole_share(0.5);
  const auto task = MakeTask();
  const Batch batch = MakeBatch(64);
  const at::Tensor has_hole = batch.fields[1].amax({1, 2, 3}).gt(0);
  EXPECT_NEAR(has_hole.to(at::kFloat).mean().item<double>(), 0.5, 0.2);
  ASSERT_OK_AND_ASSIGN(const TaskOutput output, task->Loss(batch));
  Batch changed = batch;
  changed.fields[0] = at::where(has_hole.view({-1, 1, 1, 1}), batch.fields[0], 255 - batch.fields[0]);
  backbone_->eval();  // lest whole pictures change the others' normalisation
  task->module().eval();
  EXPECT_EQ(task->Loss(batch)->loss.item<double>(), task->Loss(changed)->loss.item<double>());
}

TEST_F(InpaintingTest, RefusesARimThatLeavesNoHole) {
  inpainting_.set_hole(v1::InpaintingSpec::CENTER);
  inpainting_.set_rim(4);
  EXPECT_THAT(CheckInpainting(ToyStage(spec_).context),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("lower rim to at most 3")));
  inpainting_.set_rim(3);
  EXPECT_OK(CheckInpainting(ToyStage(spec_).context));
}

TEST_F(InpaintingTest, WorksOnEveryHoleAndOnGreyPictures) {
  for (const auto hole :
       {v1::InpaintingSpec::CENTER, v1::InpaintingSpec::BLOCKS, v1::InpaintingSpec::REGION}) {
    inpainting_.set_hole(hole);
    const auto task = MakeTask(/*channels=*/1);
    ASSERT_OK_AND_ASSIGN(const TaskOutput output, task->Loss(MakeBatch(4)));
    EXPECT_TRUE(std::isfinite(output.loss.item<double>()));
    EXPECT_EQ(output.predictions.sizes(), at::IntArrayRef({4, 1, 16, 16}));
  }
}

TEST(FillAdversaryTest, KnowingNothingBothPlayersHaveTheirClosedForms) {
  const at::Tensor shares = at::ones({4}) / 4;
  const PlayersLosses losses = LossesOfPlayers(at::zeros({4}), at::zeros({4}), shares);
  EXPECT_NEAR(losses.adversary.item<double>(), 2 * std::log(2), 1e-6);
  EXPECT_NEAR(losses.generator.item<double>(), std::log(2), 1e-6);
}

TEST_F(InpaintingTest, TheAdversaryLearnsToTellAndTakesNoGradientOfTheStages) {
  inpainting_.set_adversarial_share(0.5);
  inpainting_.set_adversary_rate(2e-3);
  const auto task = MakeTask();
  const at::Tensor weight = task->module().named_parameters()["adversary.convolution0.weight"];
  const at::Tensor before = weight.clone();
  double first = 0, last = 0;
  for (int64_t step = 0; step < 12; ++step) {
    Batch batch = MakeBatch(8, 8 * step);
    batch.step = step;
    ASSERT_OK_AND_ASSIGN(const TaskOutput output, task->Loss(batch));
    EXPECT_NEAR(output.loss.item<double>(),
                0.5 * Metric(output, "reconstruction") + 0.5 * Metric(output, "fooling"), 1e-5);
    output.loss.backward();
    for (const auto& item : task->module().named_parameters()) {
      EXPECT_EQ(item.value().grad().defined(), item.value().requires_grad()) << item.key();
    }
    (step == 0 ? first : last) = Metric(output, "telling");
    task->AfterOptimizerStep({step, 100});
  }
  EXPECT_LT(last, 0.8 * first);
  EXPECT_FALSE(weight.requires_grad());
  EXPECT_FALSE(at::equal(weight, before));
  EXPECT_NEAR(task->chance_loss(), 0.5 + 0.5 * std::log(2), 1e-9);
}

// Share 1 leaves nothing but the adversary's word: the gradient of the filled pixels comes through it, and
// that of the rest is zero.
TEST_F(InpaintingTest, TheAdversarysGradientStaysWithinTheHole) {
  FillAdversary adversary(16, 3);
  const at::Tensor wanted = at::randn({4, 3, 16, 16});
  const at::Tensor filled = at::randn({4, 3, 16, 16}).requires_grad_();
  at::Tensor part = at::zeros({4, 1, 16, 16});
  part.narrow(2, 4, 8).fill_(1);
  const at::Tensor shares = at::tensor({0.5, 0.5, 0.0, 0.0}).to(at::kFloat);
  ASSERT_OK_AND_ASSIGN(const FillAdversary::Verdict verdict,
                       adversary.Judge(wanted, filled, part, shares, /*micro=*/0, group_));
  verdict.generator_loss.backward();
  EXPECT_EQ((filled.grad() * (1 - part)).abs().max().item<double>(), 0);
  EXPECT_GT((filled.grad() * part).abs().max().item<double>(), 0);

  // The slow way to the same number and gradient: through the adversary itself.
  at::Tensor twin = filled.detach().clone().requires_grad_();
  const at::Tensor scores =
      adversary.Forward(at::stack({wanted * part, twin * part}, 1).flatten(0, 1)).view({-1, 2}).select(1, 1);
  const at::Tensor loss = ((1 + (-scores).exp()).log() * shares).sum();
  loss.backward();
  EXPECT_NEAR(loss.item<double>(), verdict.generator_loss.item<double>(), 1e-5);
  EXPECT_LT((twin.grad() - filled.grad()).abs().max().item<double>(), 1e-5);
}

}  // namespace
}  // namespace pretext
