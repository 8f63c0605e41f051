#include "worker/losses/binary_cross_entropy.h"

#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "gtest/gtest.h"

namespace pretext {
namespace {

TEST(BinaryCrossEntropyTest, KnowingNothingCostsLnTwoWhateverTheTarget) {
  for (const double target : {0.0, 0.3, 1.0}) {
    EXPECT_NEAR(BinaryCrossEntropy(at::zeros({5, 2}), at::full({5, 2}, target)).item<double>(), std::log(2),
                1e-6);
  }
}

TEST(BinaryCrossEntropyTest, EqualsTheDefinition) {
  const at::Tensor logits = at::randn({7, 3}), targets = at::rand({7, 3});
  const at::Tensor cells = BinaryCrossEntropyCells(logits, targets);
  double sum = 0;
  for (int64_t i = 0; i < logits.numel(); ++i) {
    const double share = 1 / (1 + std::exp(-logits.view(-1)[i].item<double>()));
    const double target = targets.view(-1)[i].item<double>();
    const double want = -target * std::log(share) - (1 - target) * std::log(1 - share);
    EXPECT_NEAR(cells.view(-1)[i].item<double>(), want, 1e-5);
    sum += want;
  }
  EXPECT_NEAR(BinaryCrossEntropy(logits, targets).item<double>(), sum / 21, 1e-5);
}

TEST(BinaryCrossEntropyTest, StaysFiniteWhereALogitIsSureAndWrong) {
  EXPECT_NEAR(BinaryCrossEntropy(at::full({1}, 200.0), at::zeros({1})).item<double>(), 200, 1e-3);
}

}  // namespace
}  // namespace pretext
