#include "worker/losses/noise_contrast.h"

#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>

#include <cmath>

#include "gtest/gtest.h"
#include "worker/losses/slow_reference.h"

namespace pretext {
namespace {

TEST(NoiseContrastTest, EqualSimilaritiesGiveTheClosedForms) {
  const auto loss = [](Contrast contrast, int64_t negatives) {
    return NoiseContrast(contrast, at::full({2}, 0.3), at::full({2, negatives}, 0.3), 0.07)
        .mean()
        .item<double>();
  };
  EXPECT_NEAR(loss(Contrast::kInfoNce, 4096), 8.3180, 1e-3);
  EXPECT_NEAR(loss(Contrast::kNce, 4096), 9.3179, 1e-3);
  EXPECT_NEAR(NoiseContrastChance(Contrast::kNce, 32000), 11.3735, 1e-4);
  EXPECT_NEAR(NoiseContrastChance(Contrast::kInfoNce, 32000), 10.3735, 1e-4);
  for (const Contrast contrast : {Contrast::kInfoNce, Contrast::kNce}) {
    EXPECT_NEAR(loss(contrast, 100), NoiseContrastChance(contrast, 100), 1e-4);
  }
}

TEST(NoiseContrastTest, IsTheDefinition) {
  at::manual_seed(1);
  const at::Tensor positive = at::randn({3}), negatives = at::randn({3, 5});
  const double temperature = 0.5;
  const at::Tensor nce = NoiseContrast(Contrast::kNce, positive, negatives, temperature);
  const at::Tensor info = NoiseContrast(Contrast::kInfoNce, positive, negatives, temperature);
  const auto p = slow::Numbers(positive), n = slow::Numbers(negatives);
  for (int row = 0; row < 3; ++row) {
    double sum = 0;
    for (int i = 0; i < 5; ++i) sum += std::exp(n[5 * row + i] / temperature);
    const auto h = [&](double x) { return std::exp(x / temperature) / (std::exp(x / temperature) + sum); };
    double expected = -std::log(h(p[row]));
    EXPECT_NEAR(info[row].item<double>(), expected, 1e-5);
    for (int i = 0; i < 5; ++i) expected -= std::log(1 - h(n[5 * row + i]));
    EXPECT_NEAR(nce[row].item<double>(), expected, 1e-5);
  }
}

TEST(NoiseContrastTest, IsFiniteFarOut) {
  for (const Contrast contrast : {Contrast::kInfoNce, Contrast::kNce}) {
    const at::Tensor loss = NoiseContrast(contrast, at::full({1}, -1.0), at::full({1, 1000}, 1.0), 0.001);
    EXPECT_TRUE(std::isfinite(loss.item<double>()));
  }
}

}  // namespace
}  // namespace pretext
