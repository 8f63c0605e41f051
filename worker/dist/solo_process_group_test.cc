#include "worker/dist/solo_process_group.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>

#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

TEST(SoloProcessGroupTest, LeavesTensorsAsTheyAre) {
  SoloProcessGroup group;
  const at::Tensor tensor = at::arange(6, at::kFloat).view({2, 3});
  ASSERT_THAT(group.AllReduceMean({tensor}), IsOk());
  ASSERT_THAT(group.Broadcast(tensor, 0), IsOk());
  EXPECT_TRUE(at::equal(tensor, at::arange(6, at::kFloat).view({2, 3})));
}

TEST(SoloProcessGroupTest, WhatIsGatheredSharesNoMemory) {
  SoloProcessGroup group;
  const at::Tensor tensor = at::arange(6, at::kLong).view({2, 3}).t();
  ASSERT_OK_AND_ASSIGN(const at::Tensor all, group.AllGather(tensor));
  EXPECT_TRUE(at::equal(all, tensor));
  EXPECT_TRUE(all.is_contiguous());
  tensor.fill_(7);
  EXPECT_EQ(all[0][0].item<int64_t>(), 0);
}

TEST(SoloProcessGroupTest, RefusesWhatALargerGangWould) {
  SoloProcessGroup group;
  EXPECT_THAT(group.AllReduceMean({at::ones({2}), at::ones({2}, at::kLong)}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("tensor 1 of 2 is Long")));
  EXPECT_THAT(group.AllGather(at::full({}, 1.0)), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(group.Broadcast(at::ones({2}), 1), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(SoloProcessGroupTest, GradientsAddUpWithinAStepAndStartAnewInTheNext) {
  SoloProcessGroup group;
  const at::Tensor weight = at::ones({2}).requires_grad_(true);
  auto sync = group.SyncGradients({weight});
  for (int step = 0; step < 3; ++step) {
    sync->Begin(/*last=*/false);
    (weight * 2).sum().backward();
    sync->Begin(/*last=*/true);
    (weight * 3).sum().backward();
    ASSERT_THAT(sync->Finish(), IsOk());
    EXPECT_TRUE(at::equal(weight.grad(), at::full({2}, 5.0))) << step;
  }
}

TEST(SoloProcessGroupTest, NamesTheParameterWithoutAGradient) {
  SoloProcessGroup group;
  const at::Tensor used = at::ones({2}).requires_grad_(true), unused = at::ones({3, 4}).requires_grad_(true);
  auto sync = group.SyncGradients({used, unused});
  sync->Begin(/*last=*/true);
  used.sum().backward();
  EXPECT_THAT(sync->Finish(), StatusIs(absl::StatusCode::kInternal,
                                       HasSubstr("parameter 1 of 2 (counted from 0, of shape [3, 4])")));
}

}  // namespace
}  // namespace pretext
