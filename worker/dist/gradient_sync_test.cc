#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros_like.h>

#include <csignal>

#include "proto/cpp/clock.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/status_matchers.h"
#include "worker/dist/every_gang.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

at::Tensor Values(at::IntArrayRef sizes, double seed) {
  return at::sin(at::sin(at::arange(at::empty(sizes).numel(), at::kDouble) * 1.7 + seed * 12.9898) * 437.58)
      .view(sizes)
      .to(at::kFloat);
}

bool SameBits(const at::Tensor& a, const at::Tensor& b) {
  return at::equal(a.contiguous().view({-1}).view(at::kByte), b.contiguous().view({-1}).view(at::kByte));
}

// Two layers, equal on all ranks. The order of the parameters is neither that of their use nor its reverse.
// Narrow ones fill one bucket, with `wide` = kTwoBuckets or kThreeBuckets more.
constexpr int64_t kTwoBuckets = 300, kThreeBuckets = 6200;
struct Network {
  explicit Network(int64_t wide = 0) {
    const int64_t hidden = wide > 0 ? 1100 : 24;
    weights = {Values({hidden, 3}, 1), Values({hidden}, 2), Values({hidden, 8}, 3), Values({3}, 4)};
    if (wide > 0) {
      weights.push_back(at::arange(hidden * wide, at::kFloat).remainder(101).div(50).view({hidden, wide}));
    }
    for (at::Tensor& weight : weights) weight.requires_grad_(true);
  }

  at::Tensor Loss(const at::Tensor& pictures) const {
    at::Tensor hidden = at::matmul(pictures, weights[2].t()) + weights[1];
    if (weights.size() > 4) hidden = hidden + weights[4].mean(1);
    return (at::matmul(at::tanh(hidden), weights[0]) + weights[3]).pow(2).mean();
  }

  std::vector<at::Tensor> weights;
};

// Pictures of a step: those of all ranks are the whole batch's, in order.
constexpr int kBatch = 24;
at::Tensor WholeBatch(int step) { return Values({kBatch, 8}, 100 + step); }
at::Tensor ShareOf(const ProcessGroup& group, int step) {
  const int share = kBatch / group.world_size();
  return WholeBatch(step).narrow(0, group.rank() * share, share);
}

std::vector<at::Tensor> GradientsOf(const Network& network) {
  std::vector<at::Tensor> gradients;
  for (const at::Tensor& weight : network.weights) gradients.push_back(weight.grad().clone());
  return gradients;
}

// One process, no sync: what all must equal.
std::vector<at::Tensor> SlowGradients(int step, int64_t wide = 0) {
  const Network network(wide);
  network.Loss(WholeBatch(step)).backward();
  return GradientsOf(network);
}

void ExpectClose(const std::vector<at::Tensor>& actual, const std::vector<at::Tensor>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    const float scale = expected[i].abs().max().item<float>();
    EXPECT_LT((actual[i] - expected[i]).abs().max().item<float>(), 1e-5 * scale) << "parameter " << i;
  }
}

void ExpectSameBitsOnAllRanks(ProcessGroup& group, const std::vector<at::Tensor>& tensors) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    ASSERT_OK_AND_ASSIGN(const at::Tensor all, group.AllGather(tensors[i].unsqueeze(0)));
    for (int rank = 0; rank < group.world_size(); ++rank) {
      EXPECT_TRUE(SameBits(all[rank], tensors[i])) << "tensor " << i << " of rank " << rank;
    }
  }
}

absl::Status OneStep(const Network& network, GradientSync& sync, const at::Tensor& pictures) {
  const at::Tensor loss = network.Loss(pictures);
  sync.Begin(/*last=*/true);
  loss.backward();
  return sync.Finish();
}

// What the gradients of every process group promise, over each of them.
class GradientSyncTest : public testing::TestWithParam<Gang> {};
INSTANTIATE_TEST_SUITE_P(EveryGang, GradientSyncTest, EveryGang(), NameOf);

TEST_P(GradientSyncTest, RanksTogetherGetTheGradientsOfTheWholeBatch) {
  GetParam().Run([](ProcessGroup& group) {
    for (const int64_t wide : {int64_t{0}, kTwoBuckets}) {
      const Network network(wide);
      const auto sync = group.SyncGradients(network.weights);
      for (int step = 0; step < 2; ++step) {
        ASSERT_THAT(OneStep(network, *sync, ShareOf(group, step)), IsOk());
        ExpectClose(GradientsOf(network), SlowGradients(step, wide));
        ExpectSameBitsOnAllRanks(group, GradientsOf(network));
      }
    }
  });
}

TEST_P(GradientSyncTest, MicroBatchesAddUpAndAreSentOnce) {
  GetParam().Run([](ProcessGroup& group) {
    const Network network;
    const auto sync = group.SyncGradients(network.weights);
    for (int step = 0; step < 2; ++step) {
      const at::Tensor share = ShareOf(group, step);
      const int half = share.size(0) / 2;
      for (const int part : {0, 1}) {
        const at::Tensor loss = network.Loss(share.narrow(0, part * half, half)) / 2;
        sync->Begin(/*last=*/part == 1);
        loss.backward();
        if (part == 0) {
          // Nothing is sent yet: this rank's gradient is its own.
          const Network alone;
          (alone.Loss(share.narrow(0, 0, half)) / 2).backward();
          ExpectClose(GradientsOf(network), GradientsOf(alone));
        }
      }
      ASSERT_THAT(sync->Finish(), IsOk());
      ExpectClose(GradientsOf(network), SlowGradients(step));
      ExpectSameBitsOnAllRanks(group, GradientsOf(network));
    }
  });
}

// Optimisers clear gradients in one way or another; none of them may change a bit.
TEST_P(GradientSyncTest, WhateverBecomesOfOldGradientsTheNewAreTheSame) {
  GetParam().Run([](ProcessGroup& group) {
    const Network network;
    const auto sync = group.SyncGradients(network.weights);
    std::vector<at::Tensor> first;
    for (int step = 0; step < 5; ++step) {
      ASSERT_THAT(OneStep(network, *sync, ShareOf(group, /*step=*/0)), IsOk());
      if (step == 0) first = GradientsOf(network);
      for (size_t i = 0; i < first.size(); ++i) {
        EXPECT_TRUE(SameBits(network.weights[i].grad(), first[i])) << "step " << step << ", parameter " << i;
      }
      for (const at::Tensor& weight : network.weights) {
        if (step == 1) weight.mutable_grad().zero_();
        if (step == 2) weight.mutable_grad().reset();
        if (step == 3) weight.mutable_grad() = at::ones(weight.sizes());
      }
    }
  });
}

// SGD with momentum from step `begin` to step `end`, with a sync of its own.
void Train(ProcessGroup& group, const Network& network, std::vector<at::Tensor>& momenta, int begin,
           int end) {
  const auto sync = group.SyncGradients(network.weights);
  for (int step = begin; step < end; ++step) {
    ASSERT_THAT(OneStep(network, *sync, ShareOf(group, step)), IsOk());
    at::NoGradGuard no_grad;
    for (size_t i = 0; i < momenta.size(); ++i) {
      momenta[i].mul_(0.9).add_(network.weights[i].grad());
      network.weights[i].sub_(momenta[i], 0.05);
    }
  }
}

TEST_P(GradientSyncTest, AResumedRunEqualsAnUninterruptedOneBitForBit) {
  GetParam().Run([](ProcessGroup& group) {
    for (const int64_t wide : {int64_t{0}, kTwoBuckets}) {
      const Network whole(wide), resumed(wide);
      std::vector<at::Tensor> whole_momenta, momenta;
      for (const at::Tensor& weight : whole.weights) {
        whole_momenta.push_back(at::zeros_like(weight).requires_grad_(false));
        momenta.push_back(at::zeros_like(weight).requires_grad_(false));
      }
      Train(group, whole, whole_momenta, 0, 5);
      Train(group, resumed, momenta, 0, 1);
      Train(group, resumed, momenta, 1, 3);
      Train(group, resumed, momenta, 3, 5);
      for (size_t i = 0; i < momenta.size(); ++i) {
        EXPECT_TRUE(SameBits(whole.weights[i], resumed.weights[i])) << "parameter " << i;
        EXPECT_TRUE(SameBits(whole_momenta[i], momenta[i])) << "momentum " << i;
      }
      ExpectSameBitsOnAllRanks(group, whole.weights);
    }
  });
}

TEST_P(GradientSyncTest, MinusZeroIsNotRememberedFromAFirstStep) {
  GetParam().Run([](ProcessGroup& group) {
    const at::Tensor weight = at::ones({3}).requires_grad_(true);
    const auto sync = group.SyncGradients({weight});
    std::vector<at::Tensor> gradients;
    for (int step = 0; step < 2; ++step) {
      const at::Tensor loss = (weight * -0.0).sum();
      sync->Begin(/*last=*/true);
      loss.backward();
      ASSERT_THAT(sync->Finish(), IsOk());
      gradients.push_back(weight.grad().clone());
    }
    EXPECT_TRUE(SameBits(gradients[0], gradients[1]));
  });
}

TEST_P(GradientSyncTest, ASyncForMoreParametersTakesOver) {
  GetParam().Run([](ProcessGroup& group) {
    const Network network;
    auto sync = group.SyncGradients({network.weights[0], network.weights[3]});
    network.weights[1].requires_grad_(false);
    network.weights[2].requires_grad_(false);
    ASSERT_THAT(OneStep(network, *sync, ShareOf(group, 0)), IsOk());
    network.weights[1].requires_grad_(true);
    network.weights[2].requires_grad_(true);
    sync = group.SyncGradients(network.weights);
    for (int step = 1; step < 3; ++step) {
      ASSERT_THAT(OneStep(network, *sync, ShareOf(group, step)), IsOk());
      ExpectClose(GradientsOf(network), SlowGradients(step));
    }
    sync = group.SyncGradients({});
    sync->Begin(/*last=*/true);
    EXPECT_THAT(sync->Finish(), IsOk());
  });
}

TEST_P(GradientSyncTest, KeepsTheLayoutOfParametersInChannelsLast) {
  GetParam().Run([](ProcessGroup& group) {
    const at::Tensor weight =
        Values({4, 3, 2, 2}, 1).contiguous(at::MemoryFormat::ChannelsLast).requires_grad_(true);
    const at::Tensor other = Values({5}, 2).requires_grad_(true);
    const auto sync = group.SyncGradients({other, weight});
    for (int step = 0; step < 2; ++step) {
      const at::Tensor loss = (weight * Values({4, 3, 2, 2}, group.rank())).sum() + other.sum();
      sync->Begin(/*last=*/true);
      loss.backward();
      ASSERT_THAT(sync->Finish(), IsOk());
      EXPECT_EQ(weight.grad().strides(), weight.strides());
      at::Tensor mean = at::zeros_like(weight, at::TensorOptions().requires_grad(false));
      for (int rank = 0; rank < group.world_size(); ++rank) {
        mean += Values({4, 3, 2, 2}, rank) / group.world_size();
      }
      EXPECT_TRUE(weight.grad().allclose(mean));
    }
  });
}

TEST_P(GradientSyncTest, NamesTheParameterWithoutAGradient) {
  GetParam().Run([](ProcessGroup& group) {
    const Network network;
    std::vector<at::Tensor> parameters = network.weights;
    parameters.insert(parameters.begin() + 1, at::ones({6, 7}).requires_grad_(true));
    const auto sync = group.SyncGradients(parameters);
    EXPECT_THAT(OneStep(network, *sync, ShareOf(group, 0)),
                StatusIs(absl::StatusCode::kInternal,
                         HasSubstr("parameter 1 of 5 (counted from 0, of shape [6, 7]) got no gradient")));
  });
}

// The ranks of a real gang may come from different builds.
TEST(C10dGradientSyncTest, SaysThatRanksHaveDifferentNetworks) {
  RunGang(2, [](ProcessGroup& group) {
    const Network network;
    std::vector<at::Tensor> parameters = network.weights;
    if (group.rank() == 1) parameters.pop_back();
    const auto sync = group.SyncGradients(parameters);
    EXPECT_THAT(OneStep(network, *sync, ShareOf(group, 0)),
                StatusIs(absl::StatusCode::kInternal, HasSubstr("all ranks must build the same network")));
    const at::Tensor transposed = at::ones({2, 3}), other = at::ones({3, 2});
    const auto second = group.SyncGradients({group.rank() == 0 ? transposed : other});
    second->Begin(/*last=*/true);
    EXPECT_THAT(second->Finish(),
                StatusIs(absl::StatusCode::kInternal, HasSubstr("with other types, shapes")));
  });
}

// Exceptions of c10d would come out of the backward pass, where nobody expects them. Rank 1 has only living
// neighbours in the ring, who stay until it has learned.
class PeerDeathTest : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Within, PeerDeathTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "ItsBackwardPass" : "ItsForwardPass"; });

TEST_P(PeerDeathTest, EveryRankLearnsOfAKilledPeerFromFinishLongBeforeTheTimeout) {
  for (const int64_t wide : {int64_t{0}, kThreeBuckets}) {
    Pipe rank_1_knows[3];
    const auto ends = RunProcesses(4, [&](const GangOptions& options) {
      ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ProcessGroup> group, JoinGang(options));
      const Network network(wide);
      const auto sync = group->SyncGradients(network.weights);
      ASSERT_THAT(OneStep(network, *sync, ShareOf(*group, 0)), IsOk());
      if (options.rank == 3 && !GetParam()) std::raise(SIGKILL);
      if (options.rank == 3) network.weights[1].register_hook([](const at::Tensor&) { std::raise(SIGKILL); });
      const absl::Time start = RealClock()->Now();
      const absl::Status status = OneStep(network, *sync, ShareOf(*group, 1));
      EXPECT_LT(RealClock()->Now() - start, options.timeout / 4);
      EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable,
                                   HasSubstr("lost a peer in the gradients' all-reduce: ")));
      EXPECT_EQ(GetReason(status), "PEER_LOST");
      EXPECT_EQ(OneStep(network, *sync, ShareOf(*group, 2)), status);
      if (options.rank == 1) {
        rank_1_knows[0].WriteLine("it does");
        rank_1_knows[2].WriteLine("it does");
      } else {
        rank_1_knows[options.rank].ReadLine();
      }
    });
    EXPECT_EQ(ends, (std::vector<ProcessEnd>{{}, {}, {}, {0, SIGKILL}}));
  }
}

}  // namespace
}  // namespace pretext
