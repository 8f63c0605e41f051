#include "worker/models/key_queue.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pretext {
namespace {

// Keys (count, 2), numbered from `first`.
at::Tensor Keys(int64_t first, int64_t count) {
  return at::arange(first, first + count).to(at::kFloat).view({count, 1}).expand({count, 2});
}

std::vector<float> Numbers(const KeyQueue& queue) {
  const at::Tensor column = queue.keys().select(1, 0).contiguous();
  return {column.const_data_ptr<float>(), column.const_data_ptr<float>() + column.numel()};
}

TEST(KeyQueueTest, OverwritesTheOldestKeysFirst) {
  KeyQueue queue(4, 2, /*seed=*/1);
  queue.Enqueue(Keys(10, 2));
  queue.Enqueue(Keys(12, 2));
  EXPECT_THAT(Numbers(queue), ::testing::ElementsAre(10, 11, 12, 13));
  queue.Enqueue(Keys(14, 2));
  EXPECT_THAT(Numbers(queue), ::testing::ElementsAre(14, 15, 12, 13));
}

TEST(KeyQueueTest, WrapsInsideABatch) {
  KeyQueue queue(5, 2, /*seed=*/1);
  for (int first = 0; first < 9; first += 3) queue.Enqueue(Keys(first, 3));
  EXPECT_THAT(Numbers(queue), ::testing::ElementsAre(5, 6, 7, 8, 4));
}

TEST(KeyQueueTest, StartsWithRandomUnitRowsThatDependOnTheSeedAlone) {
  const KeyQueue queue(512, 64, /*seed=*/7);
  EXPECT_TRUE(at::allclose(queue.keys().square().sum(1), at::ones({512})));
  EXPECT_TRUE(at::equal(queue.keys(), KeyQueue(512, 64, /*seed=*/7).keys()));
  EXPECT_FALSE(at::equal(queue.keys(), KeyQueue(512, 64, /*seed=*/8).keys()));
  // Independent directions: the mean row is short, and products of rows have variance 1 / 64.
  EXPECT_LT(queue.keys().mean(0).square().sum().item<float>(), 0.01);
  const at::Tensor products = queue.keys().slice(0, 0, 256).mul(queue.keys().slice(0, 256, 512)).sum(1);
  EXPECT_NEAR(products.square().mean().item<float>(), 1.0 / 64, 0.005);
}

TEST(KeyQueueTest, StateIsTwoBuffersAndNoParameter) {
  KeyQueue queue(4, 2, /*seed=*/1);
  EXPECT_THAT(queue.named_buffers().keys(), ::testing::ElementsAre("keys", "pointer"));
  EXPECT_TRUE(queue.parameters().empty());
}

TEST(KeyQueueTest, ContinuesFromCopiedState) {
  KeyQueue queue(5, 2, /*seed=*/1), copy(5, 2, /*seed=*/2);
  queue.Enqueue(Keys(0, 3));
  for (const auto& item : queue.named_buffers()) copy.named_buffers()[item.key()].copy_(item.value());
  queue.Enqueue(Keys(3, 4));
  copy.Enqueue(Keys(3, 4));
  EXPECT_TRUE(at::equal(queue.keys(), copy.keys()));
}

TEST(KeyQueueTest, CarriesNoGradient) {
  KeyQueue queue(4, 2, /*seed=*/1);
  queue.Enqueue(at::randn({2, 2}).requires_grad_(true) * 2);
  EXPECT_FALSE(queue.keys().requires_grad());
}

TEST(KeyQueueTest, RefusesABatchLargerThanItself) {
  KeyQueue queue(4, 2, /*seed=*/1);
  EXPECT_THROW(queue.Enqueue(Keys(0, 5)), c10::Error);
  EXPECT_THROW(queue.Enqueue(at::randn({2, 3})), c10::Error);
}

}  // namespace
}  // namespace pretext
