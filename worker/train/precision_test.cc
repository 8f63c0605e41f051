#include "worker/train/precision.h"

#include <ATen/autocast_mode.h>

#include "proto/cpp/status_matchers.h"
#include "worker/dist/thread_process_group.h"

namespace pretext {
namespace {

TEST(FasterPrecisionTest, IsBf16OnEveryGpu) {
  EXPECT_EQ(FasterPrecision(c10::DeviceType::CUDA, ""), v1::BF16);
}

TEST(FasterPrecisionTest, IsBf16OnACpuThatMultipliesIt) {
  EXPECT_EQ(FasterPrecision(c10::DeviceType::CPU, " fpu avx512f avx512_bf16"), v1::BF16);
  EXPECT_EQ(FasterPrecision(c10::DeviceType::CPU, " fpu amx_bf16 amx_tile"), v1::BF16);
  EXPECT_EQ(FasterPrecision(c10::DeviceType::CPU, " fpu avx2 avx512f"), v1::FP32);
}

TEST(FasterPrecisionTest, ReadsWholeFlagsOnly) {
  EXPECT_EQ(FasterPrecision(c10::DeviceType::CPU, " not_amx_bf16 amx_bf16x"), v1::FP32);
}

TEST(AgreeOnPrecisionTest, IsBf16OnlyIfItIsOnEveryRank) {
  for (const v1::Precision second : {v1::BF16, v1::FP32}) {
    RunRanks(2, [second](ProcessGroup& group) {
      const absl::StatusOr<v1::Precision> agreed =
          AgreeOnPrecision(group.rank() == 0 ? v1::BF16 : second, group, at::kCPU);
      EXPECT_OK(agreed.status());
      EXPECT_EQ(*agreed, second);
    });
  }
}

TEST(Bf16AutocastTest, IsOnWhileItLivesAndOnlyWhenAsked) {
  {
    const Bf16Autocast off(v1::FP32, c10::DeviceType::CPU);
    EXPECT_FALSE(at::autocast::is_autocast_enabled(at::kCPU));
    const Bf16Autocast on(v1::BF16, c10::DeviceType::CPU);
    EXPECT_TRUE(at::autocast::is_autocast_enabled(at::kCPU));
    EXPECT_EQ(at::autocast::get_autocast_dtype(at::kCPU), at::kBFloat16);
  }
  EXPECT_FALSE(at::autocast::is_autocast_enabled(at::kCPU));
}

}  // namespace
}  // namespace pretext
