#include "worker/tasks/moco.h"

#include <ATen/ops/allclose.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randint.h>

#include <cmath>
#include <numeric>
#include <utility>

#include "proto/cpp/status_matchers.h"
#include "worker/dist/thread_process_group.h"
#include "worker/tasks/toy_stage.h"

namespace pretext {
namespace {

constexpr int64_t kBatch = 16;

MocoOptions SmallOptions() {
  MocoOptions options;
  options.queue_length = 64;
  options.momentum = 0.9;
  options.embedding_size = 16;
  options.seed = 7;
  return options;
}

// A moco task of one rank of `group`, with the same weights whatever the rank.
struct Rank {
  Rank(const MocoOptions& options, ProcessGroup* group, int bn_groups) {
    train.backbone = ToyBackbone(bn_groups);
    train.process_group = group;
    at::manual_seed(5);
    moco = *Moco::Create(options, train);
  }

  at::Tensor State(const std::string& name) {
    for (const auto& list : {moco->module().named_parameters(), moco->module().named_buffers()}) {
      if (list.contains(name)) return list[name];
    }
    ADD_FAILURE() << "no state " << name;
    return {};
  }

  TrainContext train;
  std::unique_ptr<Moco> moco;
};

Batch ToyBatch(int64_t first, int64_t step) {
  ToyStage stage(SpecOf("moco", 16));
  const auto builder = *MakeMocoViewBuilder(stage.context);
  return BuildBatch(*builder, stage.dataset, first, kBatch, step);
}

at::Tensor QueueOf(Rank& rank) { return rank.State("queue.keys").clone(); }

TEST(MocoTest, TheTwoViewsOfAPictureDiffer) {
  const Batch batch = ToyBatch(0, 0);
  for (int64_t i = 0; i < kBatch; ++i) EXPECT_FALSE(at::equal(batch.fields[0][i], batch.fields[1][i]));
}

TEST(MocoTest, EncodesKeysInAnOrderThatIsAPermutationAndChangesWithTheStep) {
  std::vector<int64_t> order = KeyOrder(7, 0, 3, 0, 32);
  EXPECT_EQ(order, KeyOrder(7, 0, 3, 0, 32));
  EXPECT_NE(order, KeyOrder(7, 0, 4, 0, 32));
  EXPECT_NE(order, KeyOrder(7, 0, 3, 1, 32));
  EXPECT_NE(order, KeyOrder(8, 0, 3, 0, 32));
  EXPECT_NE(order, KeyOrder(7, 1, 3, 0, 32));
  std::vector<int64_t> natural(32);
  std::iota(natural.begin(), natural.end(), 0);
  EXPECT_NE(order, natural);
  std::sort(order.begin(), order.end());
  EXPECT_EQ(order, natural);
}

// With one group statistics cover the whole batch in any order, so the keys must come out as if unshuffled.
TEST(MocoTest, ShufflingAndUnshufflingIsNoChange) {
  ThreadProcessGroup group;
  MocoOptions options = SmallOptions();
  Rank shuffled(options, &group, /*bn_groups=*/1);
  options.shuffle_batch_norm = false;
  Rank natural(options, &group, /*bn_groups=*/1);
  for (Rank* rank : {&shuffled, &natural}) {
    ASSERT_OK(rank->moco->Loss(ToyBatch(0, 0)));
    rank->moco->AfterOptimizerStep({});
  }
  EXPECT_TRUE(at::allclose(QueueOf(shuffled), QueueOf(natural), 1e-4, 1e-5));
}

TEST(MocoTest, QueueHoldsTheLastKeysInOrderAndWraps) {
  ThreadProcessGroup group;
  Rank rank(SmallOptions(), &group, /*bn_groups=*/2);
  std::vector<at::Tensor> after;
  for (int64_t step = 0; step < 5; ++step) {
    ASSERT_OK(rank.moco->Loss(ToyBatch(kBatch * step, step)));
    rank.moco->AfterOptimizerStep({step, 100});
    after.push_back(QueueOf(rank));
  }
  for (int64_t step = 0; step < 4; ++step) {
    const int64_t row = kBatch * step;
    EXPECT_TRUE(at::equal(after[3].narrow(0, row, kBatch), after[step].narrow(0, row, kBatch))) << step;
  }
  EXPECT_FALSE(at::equal(after[4].narrow(0, 0, kBatch), after[3].narrow(0, 0, kBatch)));
  EXPECT_TRUE(at::equal(after[4].narrow(0, kBatch, 48), after[3].narrow(0, kBatch, 48)));
  EXPECT_EQ(rank.State("queue.pointer").item<int64_t>(), kBatch);
  EXPECT_NEAR(after[4].square().sum(1).min().item<double>(), 1, 1e-5);
}

TEST(MocoTest, QueueMovesAfterTheOptimizersStepOnly) {
  ThreadProcessGroup group;
  Rank rank(SmallOptions(), &group, /*bn_groups=*/2);
  const at::Tensor before = QueueOf(rank);
  ASSERT_OK(rank.moco->Loss(ToyBatch(0, 0)));
  EXPECT_TRUE(at::equal(QueueOf(rank), before));
  rank.moco->AfterOptimizerStep({});
  EXPECT_FALSE(at::equal(QueueOf(rank), before));
}

TEST(MocoTest, AStepOfTwoMicroBatchesMovesTheKeyEncoderOnceAndQueuesBoth) {
  ThreadProcessGroup group;
  Rank rank(SmallOptions(), &group, /*bn_groups=*/2);
  rank.train.backbone->parameters()[0].detach().add_(1);
  const std::string name = "key_encoder.backbone.conv1.weight";
  const at::Tensor before = rank.State(name).clone();
  Batch batch = ToyBatch(0, 0);
  ASSERT_OK(rank.moco->Loss(batch));
  const at::Tensor moved = rank.State(name).clone();
  EXPECT_TRUE(at::allclose(moved, before + 0.1, 1e-4, 1e-5));
  batch.micro = 1;
  ASSERT_OK(rank.moco->Loss(batch));
  EXPECT_TRUE(at::equal(rank.State(name), moved));
  rank.moco->AfterOptimizerStep({});
  EXPECT_EQ(rank.State("queue.pointer").item<int64_t>(), 2 * kBatch);
}

TEST(MocoTest, MomentumOneNeverMovesTheKeyEncoderAndZeroCopiesTheQueryEncoder) {
  ThreadProcessGroup group;
  for (const double momentum : {0.0, 1.0}) {
    MocoOptions options = SmallOptions();
    options.momentum = momentum;
    Rank rank(options, &group, /*bn_groups=*/2);
    const std::string name = "key_encoder.backbone.layer1.0.conv1.weight";
    const at::Tensor start = rank.State(name).clone();
    for (int64_t step = 0; step < 3; ++step) {
      TrainStep(*rank.moco, *rank.train.backbone, ToyBatch(0, step), 0.1);
    }
    const at::Tensor query = rank.train.backbone->named_parameters()["layer1.0.conv1.weight"].clone();
    ASSERT_FALSE(at::equal(query, start));
    ASSERT_OK(rank.moco->Loss(ToyBatch(0, 3)));
    EXPECT_TRUE(at::equal(rank.State(name), momentum == 1 ? start : query));
  }
}

TEST(MocoTest, NoGradientReachesKeysOrQueue) {
  ThreadProcessGroup group;
  Rank rank(SmallOptions(), &group, /*bn_groups=*/2);
  ASSERT_OK_AND_ASSIGN(const TaskOutput output, rank.moco->Loss(ToyBatch(0, 0)));
  output.loss.backward();
  for (const auto& item : rank.moco->module().named_parameters()) {
    const bool key_side = item.key().rfind("key_encoder.", 0) == 0;
    EXPECT_EQ(item.value().requires_grad(), !key_side) << item.key();
    EXPECT_EQ(item.value().grad().defined(), !key_side) << item.key();
  }
  EXPECT_FALSE(rank.State("queue.keys").requires_grad());
}

// The same pictures with their views exchanged.
Batch Exchanged(Batch batch) {
  std::swap(batch.fields[0], batch.fields[1]);
  return batch;
}

at::Tensor HeadGradient(Rank& rank) { return rank.State("head.0.weight").grad(); }

TEST(MocoTest, SymmetricLossIsTheMeanOfBothWays) {
  ThreadProcessGroup group;
  const Batch batch = ToyBatch(0, 0);
  MocoOptions options = SmallOptions();
  Rank there(options, &group, /*bn_groups=*/2), back(options, &group, /*bn_groups=*/2);
  options.symmetric = true;
  Rank both(options, &group, /*bn_groups=*/2);
  const TaskOutput of_there = *there.moco->Loss(batch), of_back = *back.moco->Loss(Exchanged(batch));
  const TaskOutput of_both = *both.moco->Loss(batch);
  EXPECT_NEAR(of_both.loss.item<double>(), (of_there.loss.item<double>() + of_back.loss.item<double>()) / 2,
              1e-6);
  EXPECT_NE(of_there.loss.item<double>(), of_back.loss.item<double>());
  for (const char* metric : {"accuracy", "positive_similarity", "negative_similarity"}) {
    EXPECT_NEAR(Metric(of_both, metric), (Metric(of_there, metric) + Metric(of_back, metric)) / 2, 1e-6);
  }
  for (const TaskOutput* output : {&of_there, &of_back, &of_both}) output->loss.backward();
  EXPECT_TRUE(at::allclose(HeadGradient(both), (HeadGradient(there) + HeadGradient(back)) / 2, 1e-4, 1e-7));

  // Of the keys those of the first views enter the queue.
  for (Rank* rank : {&there, &back, &both}) rank->moco->AfterOptimizerStep({0, 10});
  EXPECT_TRUE(at::equal(QueueOf(both), QueueOf(back)));
  EXPECT_FALSE(at::equal(QueueOf(both), QueueOf(there)));
}

// Two threads with one group each against one rank with two: losses, queue and statistics agree.
void ExpectOneRankWithTwoGroupsIsTwoRanks(const MocoOptions& options) {
  constexpr int64_t kSteps = 3;
  ThreadProcessGroup alone;
  Rank one(options, &alone, /*bn_groups=*/2);
  std::vector<double> expected;
  for (int64_t step = 0; step < kSteps; ++step) {
    ASSERT_OK_AND_ASSIGN(const TaskOutput output, one.moco->Loss(ToyBatch(kBatch * step, step)));
    expected.push_back(output.loss.item<double>());
    one.moco->AfterOptimizerStep({step, kSteps});
  }

  // LibTorch's generator is shared by the threads, so weights are made before they start.
  std::vector<std::unique_ptr<Rank>> ranks;
  auto exchange = std::make_shared<TensorExchange>(2);
  std::vector<std::unique_ptr<ThreadProcessGroup>> groups;
  for (int rank = 0; rank < 2; ++rank) {
    groups.push_back(std::make_unique<ThreadProcessGroup>(rank, 2, exchange));
    ranks.push_back(std::make_unique<Rank>(options, groups.back().get(), /*bn_groups=*/1));
  }
  std::vector<std::vector<double>> losses(2);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < 2; ++rank) {
    threads.emplace_back([&, rank] {
      for (int64_t step = 0; step < kSteps; ++step) {
        const Batch share = Slice(ToyBatch(kBatch * step, step), kBatch / 2 * rank, kBatch / 2);
        losses[rank].push_back(ranks[rank]->moco->Loss(share)->loss.item<double>());
        ranks[rank]->moco->AfterOptimizerStep({step, kSteps});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  for (int64_t step = 0; step < kSteps; ++step) {
    EXPECT_NEAR((losses[0][step] + losses[1][step]) / 2, expected[step], 1e-4) << step;
  }
  EXPECT_TRUE(at::equal(QueueOf(*ranks[0]), QueueOf(*ranks[1])));
  EXPECT_TRUE(at::allclose(QueueOf(*ranks[0]), QueueOf(one), 1e-3, 1e-5));
  const std::string statistics = "key_encoder.backbone.bn1.running_mean";
  EXPECT_TRUE(at::allclose((ranks[0]->State(statistics) + ranks[1]->State(statistics)) / 2,
                           one.State(statistics), 1e-3, 1e-6));
}

TEST(MocoTest, OneRankWithTwoGroupsIsTwoRanks) { ExpectOneRankWithTwoGroupsIsTwoRanks(SmallOptions()); }

TEST(MocoTest, OneRankWithTwoGroupsIsTwoRanksInBothWays) {
  MocoOptions options = SmallOptions();
  options.symmetric = true;
  ExpectOneRankWithTwoGroupsIsTwoRanks(options);
}

// Identical views through identical weights: what sets a query apart from its key is the company it was
// normalised in. In the same company they are the same vector, and that is the leak.
TEST(MocoTest, WithoutShufflingAQueryAndItsKeyShareStatistics) {
  ThreadProcessGroup group;
  Batch batch = ToyBatch(0, 0);
  batch.fields[1] = batch.fields[0];
  const auto similarity = [&](bool shuffle, int bn_groups) {
    MocoOptions options = SmallOptions();
    options.shuffle_batch_norm = shuffle;
    Rank rank(options, &group, bn_groups);
    return Metric(*rank.moco->Loss(batch), "positive_similarity");
  };
  EXPECT_NEAR(similarity(/*shuffle=*/false, /*bn_groups=*/8), 1, 1e-5);
  EXPECT_LT(similarity(/*shuffle=*/true, /*bn_groups=*/8), 0.99);
  EXPECT_NEAR(similarity(/*shuffle=*/true, /*bn_groups=*/1), 1, 1e-5);  // one group: shuffling cannot help
}

// Pictures that differ by little more than their views do: all keys are alike but for the company they were
// normalised in, and a query in the same company is told from the rest by that alone.
TEST(MocoTest, WithoutShufflingTheTaskIsSolvedByTheLeak) {
  ThreadProcessGroup group;
  const auto accuracy = [&](bool shuffle) {
    MocoOptions options = SmallOptions();
    options.shuffle_batch_norm = shuffle;
    Rank rank(options, &group, /*bn_groups=*/8);
    double sum = 0;
    for (int64_t step = 0; step < 12; ++step) {
      at::manual_seed(100 + step);
      Batch batch;
      batch.step = step;
      const at::Tensor pictures = at::randint(118, 138, {kBatch, 16, 16, 3}).to(at::kByte);
      for (int view = 0; view < 2; ++view) {
        batch.fields.push_back(pictures + at::randint(0, 3, {kBatch, 16, 16, 3}).to(at::kByte));
      }
      const TaskOutput output = *rank.moco->Loss(batch);
      if (step >= 4) sum += Metric(output, "accuracy") / 8;  // the queue is full of such pictures
      rank.moco->AfterOptimizerStep({step, 12});
    }
    return sum;
  };
  const double leaking = accuracy(false), shuffled = accuracy(true);
  EXPECT_GT(leaking, shuffled + 0.5) << "leaking " << leaking << ", shuffled " << shuffled;
}

TEST(MocoTest, KeysAreNormalisedInTheGroupsSetLast) {
  ThreadProcessGroup group;
  Rank early(SmallOptions(), &group, /*bn_groups=*/4), late(SmallOptions(), &group, /*bn_groups=*/1);
  late.train.backbone->SetBatchNormGroups(4);
  const double expected = early.moco->Loss(ToyBatch(0, 0))->loss.item<double>();
  EXPECT_EQ(late.moco->Loss(ToyBatch(0, 0))->loss.item<double>(), expected);
}

TEST(MocoTest, VersionOneHasALinearHeadAndVersionTwoTwoLayers) {
  ThreadProcessGroup group;
  MocoOptions options = SmallOptions();
  EXPECT_EQ(Rank(options, &group, 2).State("head.2.weight").sizes(), at::IntArrayRef({16, 128}));
  options.version = v1::MocoSpec::V1;
  EXPECT_EQ(Rank(options, &group, 2).State("head.0.weight").sizes(), at::IntArrayRef({16, 128}));
}

TEST(MocoTest, ChanceIsTheLogarithmOfOnePlusTheQueue) {
  ThreadProcessGroup group;
  EXPECT_NEAR(Rank(SmallOptions(), &group, 2).moco->chance_loss(), std::log(65), 1e-9);
}

TEST(MocoTest, FindsNoQueueForADataSetOfOneBatch) {
  v1::TaskSpec spec = SpecOf("moco", 16);
  TaskSizes sizes{/*image_size=*/16, /*pictures=*/8, /*micro_batch_size=*/8, /*steps=*/100};
  EXPECT_THAT(ResolveMoco(sizes, &spec), StatusIs(absl::StatusCode::kInvalidArgument,
                                                  ::testing::HasSubstr("more pictures than one batch")));
  sizes.pictures = 9;
  EXPECT_OK(ResolveMoco(sizes, &spec));
  EXPECT_EQ(spec.moco().queue_length(), 8);
}

TEST(MocoTest, RefusesQueuesThatDoNotFit) {
  ToyStage stage(SpecOf("moco", 16));  // 64 pictures, batches of 8
  EXPECT_OK(CheckMoco(stage.context));
  v1::MocoSpec* moco = stage.context.spec.mutable_moco();
  moco->set_queue_length(20);
  EXPECT_THAT(CheckMoco(stage.context), StatusIs(absl::StatusCode::kInvalidArgument,
                                                 ::testing::HasSubstr("not a multiple of the batch of 8")));
  moco->set_queue_length(64);
  EXPECT_THAT(CheckMoco(stage.context),
              StatusIs(absl::StatusCode::kInvalidArgument, ::testing::HasSubstr("meets itself")));
}

}  // namespace
}  // namespace pretext
