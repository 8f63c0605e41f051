#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/stack.h>
#include <sys/mman.h>

#include <atomic>
#include <csignal>
#include <functional>
#include <new>

#include "proto/cpp/clock.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/status_matchers.h"
#include "worker/dist/every_gang.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

// Numbers without pattern that every rank can tell of every other.
at::Tensor ValuesOf(int rank, at::IntArrayRef sizes, at::ScalarType type = at::kFloat) {
  const int64_t count = at::empty(sizes).numel();
  return at::sin(at::arange(count, at::kDouble) * 1.7 + rank * 12.9898).mul(43758.5453).view(sizes).to(type);
}

// Sees differences that == does not: the sign of zero, one NaN and another.
bool SameBits(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() && a.scalar_type() == b.scalar_type() &&
         at::equal(a.contiguous().view({-1}).view(at::kByte), b.contiguous().view({-1}).view(at::kByte));
}

// What every process group promises, over each of them.
class ProcessGroupTest : public testing::TestWithParam<Gang> {};
INSTANTIATE_TEST_SUITE_P(EveryGang, ProcessGroupTest, EveryGang(), NameOf);

TEST_P(ProcessGroupTest, AllReduceMeanIsTheMeanOverRanksInPlace) {
  GetParam().Run([](ProcessGroup& group) {
    const std::vector<std::vector<int64_t>> shapes = {{3, 4}, {}, {1000}, {0}, {2, 3, 5}};
    std::vector<at::Tensor> tensors, slow;
    for (const auto& shape : shapes) {
      tensors.push_back(ValuesOf(group.rank(), shape));
      std::vector<at::Tensor> all;
      for (int rank = 0; rank < group.world_size(); ++rank) all.push_back(ValuesOf(rank, shape, at::kDouble));
      slow.push_back(at::stack(all).mean(0).to(at::kFloat));
    }
    tensors[0] = tensors[0].t().contiguous().t();  // strides are kept
    ASSERT_THAT(group.AllReduceMean(tensors), IsOk());
    for (size_t i = 0; i < tensors.size(); ++i) {
      EXPECT_TRUE(tensors[i].allclose(slow[i], /*rtol=*/1e-5, /*atol=*/1e-2)) << "tensor " << i;
    }
    EXPECT_EQ(tensors[0].strides(), (at::IntArrayRef{1, 3}));
  });
}

TEST_P(ProcessGroupTest, AllReduceMeanGivesTheSameBitsOnEveryRankAndAgain) {
  GetParam().Run([](ProcessGroup& group) {
    std::vector<at::Tensor> means;
    for (int round = 0; round < 3; ++round) {
      means.push_back(ValuesOf(group.rank(), {12345}));
      ASSERT_THAT(group.AllReduceMean({means.back()}), IsOk());
      EXPECT_TRUE(SameBits(means.back(), means[0])) << round;
    }
    ASSERT_OK_AND_ASSIGN(const at::Tensor all, group.AllGather(means[0].unsqueeze(0)));
    for (int rank = 0; rank < group.world_size(); ++rank) EXPECT_TRUE(SameBits(all[rank], means[0])) << rank;
  });
}

TEST_P(ProcessGroupTest, AllGatherPutsRanksInOrderBitForBit) {
  GetParam().Run([](ProcessGroup& group) {
    for (const at::ScalarType type :
         {at::kByte, at::kFloat, at::kLong, at::kBool, at::kBFloat16, at::kDouble}) {
      std::vector<at::Tensor> parts;
      for (int rank = 0; rank < group.world_size(); ++rank) {
        parts.push_back(
            ValuesOf(rank, {3, 2, 5}).abs().to(at::kLong).remainder(200).to(type).transpose(1, 2));
      }
      ASSERT_OK_AND_ASSIGN(const at::Tensor all, group.AllGather(parts[group.rank()]));
      EXPECT_TRUE(SameBits(all, at::cat(parts))) << type;
      EXPECT_TRUE(all.is_contiguous());
      const at::Tensor before = all.clone();
      parts[group.rank()].fill_(1);
      EXPECT_TRUE(SameBits(all, before)) << type << ": shares memory with what was gathered";
    }
  });
}

TEST_P(ProcessGroupTest, AllGatherKeepsEveryBitOfWhatIsNoNumber) {
  GetParam().Run([](ProcessGroup& group) {
    // Two NaNs with different payloads, minus zero, the smallest denormal.
    const at::Tensor bits = at::full({4}, 0, at::kInt);
    bits[0].fill_(0x7fc00001);
    bits[1].fill_(0x7f800002);
    bits[2].fill_(static_cast<int>(0x80000000));
    bits[3].fill_(1);
    const at::Tensor values = bits.view(at::kFloat);
    ASSERT_OK_AND_ASSIGN(const at::Tensor all, group.AllGather(values));
    for (int rank = 0; rank < group.world_size(); ++rank) {
      EXPECT_TRUE(SameBits(all.narrow(0, 4 * rank, 4), values)) << rank;
    }
  });
}

TEST_P(ProcessGroupTest, AllGatherLetsNoGradientThroughAndTakesEmptyTensors) {
  GetParam().Run([](ProcessGroup& group) {
    ASSERT_OK_AND_ASSIGN(const at::Tensor all, group.AllGather(at::ones({2, 3}).requires_grad_(true)));
    EXPECT_FALSE(all.requires_grad());
    ASSERT_OK_AND_ASSIGN(const at::Tensor none, group.AllGather(at::empty({2, 0})));
    EXPECT_EQ(none.sizes(), (at::IntArrayRef{2 * group.world_size(), 0}));
  });
}

TEST_P(ProcessGroupTest, BroadcastReplacesByTheRootsValuesInPlace) {
  GetParam().Run([](ProcessGroup& group) {
    for (int root = 0; root < group.world_size(); ++root) {
      for (const at::ScalarType type : {at::kFloat, at::kLong, at::kByte}) {
        const at::Tensor expected = ValuesOf(root, {4, 3}).abs().remainder(200).to(type);
        const at::Tensor whole = ValuesOf(group.rank(), {4, 3}).abs().remainder(200).to(type);
        ASSERT_THAT(group.Broadcast(whole, root), IsOk());
        EXPECT_TRUE(SameBits(whole, expected)) << type << " from " << root;

        const at::Tensor around = at::ones({4, 6}).to(type);
        const at::Tensor strided = around.slice(1, 0, 6, 2);
        strided.copy_(ValuesOf(group.rank(), {4, 3}).abs().remainder(200).to(type));
        ASSERT_THAT(group.Broadcast(strided, root), IsOk());
        EXPECT_TRUE(SameBits(strided, expected)) << type << " from " << root << ", strided";
        EXPECT_TRUE(at::equal(around.slice(1, 1, 6, 2), at::ones({4, 3}).to(type)));
      }
    }
  });
}

TEST_P(ProcessGroupTest, NoRankPassesABarrierBeforeAllHaveCome) {
  void* memory =
      mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* came = new (memory) std::atomic<int>(0);
  GetParam().Run([&](ProcessGroup& group) {
    for (int round = 1; round <= 50; ++round) {
      came->fetch_add(1);
      ASSERT_THAT(group.Barrier(), IsOk());
      EXPECT_GE(came->load(), round * group.world_size());
    }
  });
  munmap(memory, sizeof(std::atomic<int>));
}

TEST_P(ProcessGroupTest, RefusesWhatCannotBeSent) {
  GetParam().Run([](ProcessGroup& group) {
    EXPECT_THAT(group.AllReduceMean({at::ones({2}), at::ones({2}, at::kDouble)}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("tensor 1 of 2 is Double")));
    EXPECT_THAT(group.AllGather(at::full({}, 1.0)), StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(group.Broadcast(at::ones({2}), group.world_size()),
                StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(group.Barrier(), IsOk());  // and goes on
  });
}

// A lost peer: what only gangs of processes can show.

struct Collective {
  std::string name;
  std::function<absl::Status(ProcessGroup& group)> call;
};

void PrintTo(const Collective& collective, std::ostream* out) { *out << collective.name; }

class PeerDeathTest : public testing::TestWithParam<Collective> {};
INSTANTIATE_TEST_SUITE_P(
    Collectives, PeerDeathTest,
    testing::Values(
        Collective{"AllReduceMean",
                   [](ProcessGroup& group) { return group.AllReduceMean({at::ones({1 << 20})}); }},
        Collective{"AllGather",
                   [](ProcessGroup& group) { return group.AllGather(at::ones({1 << 18})).status(); }},
        Collective{"Broadcast", [](ProcessGroup& group) { return group.Broadcast(at::ones({1 << 20}), 3); }},
        Collective{"Barrier", [](ProcessGroup& group) { return group.Barrier(); }}),
    [](const auto& info) { return info.param.name; });

// The neighbours of the dead rank see its sockets close; rank 1, which waits for them only, must hear from
// them.
TEST_P(PeerDeathTest, EveryRankLearnsOfAKilledPeerLongBeforeTheTimeout) {
  const Collective& collective = GetParam();
  Pipe rank_1_knows[3];
  const auto ends = RunProcesses(4, [&](const GangOptions& options) {
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ProcessGroup> group, JoinGang(options));
    ASSERT_THAT(collective.call(*group), IsOk());
    if (options.rank == 3) std::raise(SIGKILL);
    const absl::Time start = RealClock()->Now();
    // A broadcast needs no answer: what is under way when the peer dies may still be done.
    absl::Status status;
    while (status.ok()) status = collective.call(*group);
    EXPECT_LT(RealClock()->Now() - start, options.timeout / 4);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable,
                                 HasSubstr(absl::StrCat("rank ", options.rank, " of 4 lost a peer in ",
                                                        collective.name, ": "))));
    EXPECT_EQ(GetReason(status), "PEER_LOST");
    EXPECT_EQ(group->Barrier(), status);  // the first error stays
    EXPECT_EQ(group->AllGather(at::ones({1})).status(), status);
    if (options.rank == 1) {
      rank_1_knows[0].WriteLine("it does");
      rank_1_knows[2].WriteLine("it does");
    } else {
      rank_1_knows[options.rank].ReadLine();
    }
  });
  EXPECT_EQ(ends, (std::vector<ProcessEnd>{{}, {}, {}, {0, SIGKILL}}));
}

TEST(PeerTimeoutTest, GivesUpOnAPeerThatDoesNotComeInTime) {
  Pipe given_up;
  const auto ends = RunProcesses(2, [&](GangOptions options) {
    if (options.rank == 0) options.timeout = absl::Milliseconds(500);
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ProcessGroup> group, JoinGang(options));
    if (options.rank == 1) {
      given_up.ReadLine();
      EXPECT_EQ(GetReason(group->AllReduceMean({at::ones({3})})), "PEER_LOST");
      return;
    }
    const absl::Status status = group->AllReduceMean({at::ones({3})});
    EXPECT_EQ(GetReason(status), "PEER_LOST");
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("rank 0 of 2 lost a peer in AllReduceMean: Timed out"));
    given_up.WriteLine("rank 0 has given up");
  });
  EXPECT_EQ(ends, std::vector<ProcessEnd>(2));
}

}  // namespace
}  // namespace pretext
