#include "worker/models/normalize.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pretext {
namespace {

TEST(NormalizeTest, SubtractsTheMeanAndDividesByTheDeviationOfEachChannel) {
  const at::Tensor images = at::arange(0, 240, 10).to(at::kByte).view({1, 2, 4, 3});
  const at::Tensor output = NormalizeImages(images, {0.5, 0.4, 0.3}, {0.2, 0.25, 0.5});
  EXPECT_THAT(output.sizes(), ::testing::ElementsAre(1, 3, 2, 4));
  EXPECT_TRUE(output.is_contiguous(at::MemoryFormat::ChannelsLast));
  // Row 1, column 2, channel 1 is element (1 * 4 + 2) * 3 + 1 = 19, value 190.
  EXPECT_NEAR(output.select(1, 1).select(1, 1).select(1, 2).item<float>(), (190 / 255.0 - 0.4) / 0.25, 1e-6);
  EXPECT_NEAR(output.select(1, 0).select(1, 0).select(1, 0).item<float>(), -0.5 / 0.2, 1e-6);
}

}  // namespace
}  // namespace pretext
