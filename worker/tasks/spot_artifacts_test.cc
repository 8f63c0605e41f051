#include "worker/tasks/spot_artifacts.h"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <map>
#include <thread>

#include "gmock/gmock.h"
#include "proto/cpp/status_matchers.h"
#include "worker/dist/thread_process_group.h"
#include "worker/tasks/artifact_autoencoder.h"
#include "worker/tasks/toy_stage.h"

namespace pretext {
namespace {

using State = std::map<std::string, at::Tensor>;

v1::TaskSpec SmallSpec() {
  v1::TaskSpec spec = SpecOf("spot_artifacts", 16);
  spec.mutable_spot_artifacts()->set_width(4);
  spec.mutable_spot_artifacts()->set_preparing_share(0.05);
  return spec;
}

// A copy of what `module` holds under `prefix`.
State StateOf(torch::nn::Module& module, const std::string& prefix) {
  State state;
  for (const auto& item : module.named_parameters()) state[item.key()] = item.value().detach().clone();
  for (const auto& item : module.named_buffers()) state[item.key()] = item.value().clone();
  for (auto entry = state.begin(); entry != state.end();) {
    entry = entry->first.rfind(prefix, 0) == 0 ? std::next(entry) : state.erase(entry);
  }
  return state;
}

bool Equal(const State& one, const State& other) {
  EXPECT_FALSE(one.empty());
  for (const auto& [name, tensor] : one) {
    if (!at::equal(tensor, other.at(name))) return false;
  }
  return true;
}

class SpotArtifactsTest : public ::testing::Test {
 protected:
  std::unique_ptr<PretextTask> MakeTask(ProcessGroup* group, Backbone backbone) {
    TrainContext train;
    train.backbone = std::move(backbone);
    train.process_group = group;
    at::manual_seed(5);
    return *MakeSpotArtifacts(stage_.context, train);
  }
  std::unique_ptr<PretextTask> MakeTask() { return MakeTask(&group_, backbone_); }
  Batch MakeBatch(int64_t step, int64_t count = 8) {
    return BuildBatch(**MakeSpotArtifactsViewBuilder(stage_.context), stage_.dataset, count * step, count,
                      step);
  }
  void Train(PretextTask& task, int64_t first, int64_t last) {
    for (int64_t step = first; step < last; ++step) TrainStep(task, *backbone_, MakeBatch(step), 0.05);
  }

  ToyStage stage_{SmallSpec()};
  ThreadProcessGroup group_;
  Backbone backbone_ = ToyBackbone();
};

TEST(ArtifactAutoencoderTest, WithEveryCellKeptTheRepairedPictureIsTheWholeOneBitForBit) {
  at::NoGradGuard no_grad;
  for (const int side : {16, 28, 33}) {
    ArtifactAutoencoder autoencoder(side, /*channels=*/3, /*width=*/4);
    RepairNetwork repair(autoencoder);
    for (at::Tensor& parameter : repair.parameters()) parameter.normal_();
    autoencoder.eval();
    const at::Tensor code = autoencoder.Encode(at::rand({2, 3, side, side}) * 2 - 1);
    ASSERT_EQ(code.sizes(), at::IntArrayRef({2, 64, CodeSide(side), CodeSide(side)}));
    const at::Tensor whole = autoencoder.Decode(code);
    EXPECT_EQ(whole.sizes(), at::IntArrayRef({2, 3, side, side}));
    at::Tensor kept = at::ones({2, 1, CodeSide(side), CodeSide(side)});
    EXPECT_TRUE(at::equal(repair.Decode(autoencoder, DropCells(code, kept), kept), whole));
    kept[1][0][0][0] = 0;
    const at::Tensor repaired = repair.Decode(autoencoder, DropCells(code, kept), kept);
    EXPECT_TRUE(at::equal(repaired[0], whole[0]));
    EXPECT_FALSE(at::equal(repaired[1], whole[1]));
  }
}

TEST(ArtifactAutoencoderTest, HalvesWhileFourCellsASideAreLeft) {
  const std::pair<int, int64_t> cases[] = {{8, 4}, {16, 4}, {28, 4}, {32, 4}, {33, 5}, {96, 6}, {224, 14}};
  for (const auto& [side, cells] : cases) EXPECT_EQ(CodeSide(side), cells) << side;
}

TEST(DropCellsTest, ReplacesAllChannelsOfACellByTheMeanAroundIt) {
  const at::Tensor code = at::randn({1, 3, 4, 4});
  at::Tensor kept = at::ones({1, 1, 4, 4});
  kept[0][0][2][1] = 0;
  kept[0][0][0][0] = 0;
  const at::Tensor dropped = DropCells(code, kept);
  for (int64_t c = 0; c < 3; ++c) {
    for (int64_t y = 0; y < 4; ++y) {
      for (int64_t x = 0; x < 4; ++x) {
        const bool is_inner = y == 2 && x == 1, is_corner = y == 0 && x == 0;
        const at::Tensor map = code[0][c];
        const double want = is_inner    ? map.narrow(0, 1, 3).narrow(1, 0, 3).mean().item<double>()
                            : is_corner ? map.narrow(0, 0, 2).narrow(1, 0, 2).mean().item<double>()
                                        : map[y][x].item<double>();
        EXPECT_NEAR(dropped[0][c][y][x].item<double>(), want, 1e-6) << c << " " << y << " " << x;
      }
    }
  }
}

TEST_F(SpotArtifactsTest, DropsTheShareOfTheCellsThatIsNotKept) {
  const auto builder = *MakeSpotArtifactsViewBuilder(stage_.context);
  double kept = 0;
  for (uint32_t epoch = 0; epoch < 20; ++epoch) {
    kept +=
        BuildBatch(*builder, stage_.dataset, 0, 64, 0, epoch).fields[1].to(at::kFloat).mean().item<double>() /
        20;
  }
  EXPECT_NEAR(1 - kept, 0.70, 0.01);

  stage_.context.spec.mutable_spot_artifacts()->set_keep_share(0.99);
  const at::Tensor most =
      BuildBatch(**MakeSpotArtifactsViewBuilder(stage_.context), stage_.dataset, 0, 64).fields[1];
  EXPECT_EQ(most.amin({1, 2, 3}).max().item<int>(), 0);  // of none is all kept
}

TEST(PreparingStepsTest, AreAtLeastOneAndNeverAll) {
  EXPECT_EQ(PreparingSteps(0.3, 1000), 300);
  EXPECT_EQ(PreparingSteps(0.3, 4), 1);
  EXPECT_EQ(PreparingSteps(0.01, 10), 1);
  EXPECT_EQ(PreparingSteps(0.99, 10), 9);
  EXPECT_EQ(PreparingSteps(0.3, 1), 0);
}

TEST_F(SpotArtifactsTest, FirstTrainsItsAutoencoderAloneAndLeavesTheRestAsItIs) {
  stage_.context.spec.mutable_spot_artifacts()->set_repair_rate(0.01);
  const auto task = MakeTask();
  ASSERT_EQ(task->preparing_steps(), 5);
  const State backbone = StateOf(*backbone_, ""), repair = StateOf(task->module(), "repair");
  const State autoencoder = StateOf(task->module(), "autoencoder");
  double first = 0, last = 0;
  Batch batch = MakeBatch(0);
  for (batch.step = 0; batch.step < 5; ++batch.step) {
    ASSERT_OK_AND_ASSIGN(const TaskOutput output, task->Loss(batch));
    EXPECT_FALSE(output.loss.defined());
    EXPECT_FALSE(output.features.defined());
    (batch.step == 0 ? first : last) = Metric(output, "autoencoder_error");
    task->AfterOptimizerStep({batch.step, 100});
  }
  EXPECT_LT(last, 0.8 * first);
  EXPECT_TRUE(Equal(backbone, StateOf(*backbone_, "")));
  EXPECT_TRUE(Equal(repair, StateOf(task->module(), "repair")));
  EXPECT_FALSE(Equal(autoencoder, StateOf(task->module(), "autoencoder")));
}

TEST_F(SpotArtifactsTest, ThenLeavesTheAutoencoderAndTrainsTheOthers) {
  const auto task = MakeTask();
  Train(*task, 0, 5);
  const State autoencoder = StateOf(task->module(), "autoencoder");
  const State repair = StateOf(task->module(), "repair."), backbone = StateOf(*backbone_, "");
  Train(*task, 5, 7);
  EXPECT_TRUE(Equal(autoencoder, StateOf(task->module(), "autoencoder")));
  EXPECT_FALSE(Equal(repair, StateOf(task->module(), "repair.")));
  EXPECT_FALSE(Equal(backbone, StateOf(*backbone_, "")));
}

TEST_F(SpotArtifactsTest, NeitherPlayersLossReachesTheOthersWeights) {
  const auto task = MakeTask();
  Train(*task, 0, 5);
  const State repair = StateOf(task->module(), "repair.");
  ASSERT_OK_AND_ASSIGN(const TaskOutput output, task->Loss(MakeBatch(5)));
  for (const at::Tensor& parameter : backbone_->parameters()) EXPECT_FALSE(parameter.grad().defined());
  output.loss.backward();
  for (const auto& item : task->module().named_parameters()) {
    EXPECT_EQ(item.value().grad().defined(), item.value().requires_grad()) << item.key();
  }
  EXPECT_FALSE(task->module().named_parameters()["repair.first0.weight"].requires_grad());
  // What the backbone is told does not depend on what the repair network is.
  EXPECT_TRUE(Equal(repair, StateOf(task->module(), "repair.")));
}

TEST_F(SpotArtifactsTest, ZeroLogitsCostLnTwoAndATenthOfIt) {
  const auto task = MakeTask();
  {
    at::NoGradGuard no_grad;
    for (at::Tensor& parameter : task->module().parameters()) {
      if (parameter.requires_grad()) parameter.zero_();
    }
  }
  ASSERT_OK_AND_ASSIGN(const TaskOutput output, task->Loss(MakeBatch(5)));
  EXPECT_NEAR(output.loss.item<double>(), 0.7625, 1e-4);
  EXPECT_NEAR(task->chance_loss(), 1.1 * std::log(2), 1e-12);
}

TEST(KeptSharesTest, HaveTheShapeOfTheMaskLogitsAndAreMeansOverArea) {
  at::Tensor kept = at::zeros({2, 1, 4, 4});
  kept[0][0][0][0] = 1;
  kept[1].fill_(1);
  const at::Tensor shares = KeptShares(kept, at::zeros({4, 1, 2, 2}));
  ASSERT_EQ(shares.sizes(), at::IntArrayRef({4, 1, 2, 2}));
  for (const int64_t whole : {0, 2}) EXPECT_TRUE(at::equal(shares[whole], at::ones({1, 2, 2}))) << whole;
  EXPECT_TRUE(at::equal(shares[1][0], at::tensor({0.25, 0.0, 0.0, 0.0}).to(at::kFloat).view({2, 2})));
  EXPECT_TRUE(at::equal(shares[3], at::ones({1, 2, 2})));
  const at::Tensor equal_grids = KeptShares(kept, at::zeros({4, 1, 4, 4}));
  EXPECT_TRUE(at::equal(equal_grids[1], kept[0]));
}

// The repair network alone, against a classifier that stands still, and with nothing else to care for: it
// must come to be taken for whole.
TEST_F(SpotArtifactsTest, TheRepairNetworkLearnsToFoolAClassifierThatStandsStill) {
  stage_.context.spec.mutable_spot_artifacts()->set_repair_rate(3e-3);
  stage_.context.spec.mutable_spot_artifacts()->set_repair_weight(0);
  const auto task = MakeTask();
  Train(*task, 0, 12);
  backbone_->eval();
  const Batch batch = MakeBatch(12);
  const auto repaired_called_whole = [&] {
    at::NoGradGuard no_grad;
    const at::Tensor logits = task->Answer(batch)->predictions.select(2, 1);
    return (logits.select(1, 0) - logits.select(1, 1)).mean().item<double>();
  };
  const double before = repaired_called_whole();
  for (int64_t step = 12; step < 24; ++step) {
    ASSERT_OK(task->Loss(batch));
    task->AfterOptimizerStep({step, 100});
  }
  EXPECT_GT(repaired_called_whole(), before);
}

// Two batch-norm groups of one rank are two ranks, while preparing and after; and the ranks' private networks
// stay equal bit for bit.
TEST_F(SpotArtifactsTest, TwoRanksTrainAsOneWithTwoGroups) {
  const auto train = [&](PretextTask& task, ProcessGroup& group) {
    const int64_t count = 8 / group.world_size();
    for (int64_t step = 3; step < 7; ++step) {
      ASSERT_OK(task.Loss(Slice(MakeBatch(step), count * group.rank(), count)));
      task.AfterOptimizerStep({step, 100});
      std::vector<at::Tensor> statistics;
      for (const auto& item : task.module().named_buffers()) {
        if (item.key().find("running") != std::string::npos) statistics.push_back(item.value());
      }
      ASSERT_OK(group.AllReduceMean(statistics));
    }
  };
  const auto exchange = std::make_shared<TensorExchange>(2);
  std::vector<std::unique_ptr<ThreadProcessGroup>> gang;
  std::vector<std::unique_ptr<PretextTask>> tasks;
  for (int rank = 0; rank < 2; ++rank) {
    gang.push_back(std::make_unique<ThreadProcessGroup>(rank, 2, exchange));
    tasks.push_back(MakeTask(gang.back().get(), ToyBackbone()));
  }
  std::thread other([&] { train(*tasks[1], *gang[1]); });
  train(*tasks[0], *gang[0]);
  other.join();
  EXPECT_TRUE(Equal(StateOf(tasks[0]->module(), ""), StateOf(tasks[1]->module(), "")));

  const auto alone = MakeTask(&group_, ToyBackbone(/*bn_groups=*/2));
  train(*alone, group_);
  const State of_gang = StateOf(tasks[0]->module(), "");
  for (const auto& [name, tensor] : StateOf(alone->module(), "")) {
    // On average: where a gradient is nearly nothing, Adam makes much of its rounding.
    const double difference = (tensor - of_gang.at(name)).abs().to(at::kFloat).mean().item<double>();
    EXPECT_LT(difference, 5e-5) << name;
  }
}

}  // namespace
}  // namespace pretext
