#include "worker/models/memory_bank.h"

#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/tensor.h>

#include "gtest/gtest.h"
#include "worker/models/unit_rows.h"

namespace pretext {
namespace {

TEST(MemoryBankTest, StartsAsUnitRowsThatFollowFromTheSeed) {
  const MemoryBank bank(50, 8, /*seed=*/3);
  const at::Tensor lengths = bank.rows().square().sum(1);
  EXPECT_TRUE(at::allclose(lengths, at::ones_like(lengths)));
  EXPECT_TRUE(at::equal(bank.rows(), MemoryBank(50, 8, 3).rows()));
  EXPECT_FALSE(at::equal(bank.rows(), MemoryBank(50, 8, 4).rows()));
}

TEST(MemoryBankTest, MovesTheRowsItIsGivenAndNoOther) {
  MemoryBank bank(5, 4, 1);
  const at::Tensor before = bank.rows().clone();
  const at::Tensor vectors = RandomUnitRows(2, 4, 9);
  bank.Update(at::tensor({3, 1}, at::kLong), vectors, /*momentum=*/0.5);
  EXPECT_TRUE(at::allclose(bank.rows()[3], UnitRows((before[3] + vectors[0]).unsqueeze(0))[0]));
  EXPECT_TRUE(at::allclose(bank.rows()[1], UnitRows((before[1] + vectors[1]).unsqueeze(0))[0]));
  for (const int64_t row : {0, 2, 4}) EXPECT_TRUE(at::equal(bank.rows()[row], before[row]));
}

TEST(MemoryBankTest, MomentumOneKeepsTheDirectionAndZeroTakesTheNew) {
  MemoryBank bank(2, 4, 1);
  const at::Tensor before = bank.rows().clone();
  const at::Tensor vectors = RandomUnitRows(1, 4, 9);
  bank.Update(at::tensor({0}, at::kLong), vectors, 1);
  EXPECT_TRUE(at::allclose(bank.rows(), before));
  bank.Update(at::tensor({0}, at::kLong), vectors, 0);
  EXPECT_TRUE(at::allclose(bank.rows()[0], vectors[0]));
}

}  // namespace
}  // namespace pretext
