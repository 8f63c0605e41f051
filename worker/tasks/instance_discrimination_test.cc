#include "worker/tasks/instance_discrimination.h"

#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>

#include <cmath>
#include <thread>

#include "gmock/gmock.h"
#include "proto/cpp/status_matchers.h"
#include "worker/dist/thread_process_group.h"
#include "worker/tasks/toy_stage.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

at::Tensor BankOf(PretextTask& task) { return task.module().named_buffers()["bank.rows"]; }

class InstanceDiscriminationTest : public ::testing::Test {
 protected:
  InstanceDiscriminationTest()
      : stage_(SpecOf("instance_discrimination", 16)),
        builder_(*MakeInstanceDiscriminationViewBuilder(stage_.context)) {
    train_.backbone = ToyBackbone();
    train_.process_group = &group_;
    at::manual_seed(5);
    task_ = *MakeInstanceDiscrimination(stage_.context, train_);
  }

  ToyStage stage_;
  std::unique_ptr<ViewBuilder> builder_;
  ThreadProcessGroup group_;
  TrainContext train_;
  std::unique_ptr<PretextTask> task_;
};

TEST_F(InstanceDiscriminationTest, FewPicturesGiveFewNegatives) {
  EXPECT_EQ(stage_.context.spec.instance_discrimination().negatives(), 32);
  EXPECT_NEAR(task_->chance_loss(), std::log(33.0) + 32 * std::log(33.0 / 32), 1e-6);
}

TEST_F(InstanceDiscriminationTest, TheBankLearnsTheBatchsPicturesAfterTheStepAndNoOthers) {
  const at::Tensor before = BankOf(*task_).clone();
  ASSERT_OK(task_->Loss(BuildBatch(*builder_, stage_.dataset, 8, 4)).status());
  EXPECT_TRUE(at::equal(BankOf(*task_), before));
  task_->AfterOptimizerStep({0, 100});
  for (int64_t row = 0; row < 64; ++row) {
    EXPECT_EQ(at::equal(BankOf(*task_)[row], before[row]), row < 8 || row >= 12) << row;
    EXPECT_NEAR(BankOf(*task_)[row].square().sum().item<double>(), 1, 1e-5);
  }
}

TEST_F(InstanceDiscriminationTest, RefusesMoreNegativesThanPictures) {
  v1::TaskSpec spec = SpecOf("instance_discrimination", 16);
  spec.mutable_instance_discrimination()->set_negatives(64);
  ToyStage stage(spec);
  EXPECT_THAT(CheckInstanceDiscrimination(stage.context),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("lower negatives")));
}

// Two threads with half of the batch each against one rank with two groups of batch statistics.
TEST_F(InstanceDiscriminationTest, OneRankWithTwoGroupsIsTwoRanks) {
  const Batch batch = BuildBatch(*builder_, stage_.dataset, 0, 8);
  // LibTorch's generator is shared by the threads, so weights are made before they start.
  const auto make = [&](int bn_groups, ProcessGroup* group) {
    TrainContext train;
    train.backbone = ToyBackbone(bn_groups);
    train.process_group = group;
    at::manual_seed(5);
    return *MakeInstanceDiscrimination(stage_.context, train);
  };
  const auto alone = make(/*bn_groups=*/2, &group_);
  const double expected = alone->Loss(batch)->loss.item<double>();
  alone->AfterOptimizerStep({0, 100});

  const auto exchange = std::make_shared<TensorExchange>(2);
  std::vector<std::unique_ptr<ThreadProcessGroup>> groups;
  std::vector<std::unique_ptr<PretextTask>> tasks;
  for (int rank = 0; rank < 2; ++rank) {
    groups.push_back(std::make_unique<ThreadProcessGroup>(rank, 2, exchange));
    tasks.push_back(make(/*bn_groups=*/1, groups.back().get()));
  }
  std::vector<double> losses(2);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < 2; ++rank) {
    threads.emplace_back([&, rank] {
      losses[rank] = tasks[rank]->Loss(Slice(batch, 4 * rank, 4))->loss.item<double>();
      tasks[rank]->AfterOptimizerStep({0, 100});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_NEAR((losses[0] + losses[1]) / 2, expected, 1e-5);
  EXPECT_TRUE(at::equal(BankOf(*tasks[0]), BankOf(*tasks[1])));
  EXPECT_TRUE(at::allclose(BankOf(*tasks[0]), BankOf(*alone), 1e-4, 1e-5));
}

}  // namespace
}  // namespace pretext
