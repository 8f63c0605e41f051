#include "worker/dist/device.h"

#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

TEST(DeviceTest, EveryRankCanHaveTheCpu) {
  for (const int index : {0, 7}) {
    ASSERT_OK_AND_ASSIGN(const c10::Device device, SelectDevice(c10::kCPU, index));
    EXPECT_EQ(device, c10::Device(c10::kCPU));
  }
}

TEST(DeviceTest, AGpuThatIsNotThereIsRefusedWithTheReason) {
  if (CheckDeviceType(c10::kCUDA).ok()) {  // a build with --config=cuda
    EXPECT_THAT(SelectDevice(c10::kCUDA, CountGpus()),
                StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::HasSubstr("nvidia-smi")));
  } else {
    EXPECT_EQ(CountGpus(), 0);
    EXPECT_THAT(SelectDevice(c10::kCUDA, 0),
                StatusIs(absl::StatusCode::kUnimplemented, ::testing::HasSubstr("--config=cuda")));
  }
}

TEST(DeviceTest, OtherAcceleratorsAreRefusedByName) {
  EXPECT_THAT(CheckDeviceType(c10::kXPU),
              StatusIs(absl::StatusCode::kUnimplemented, ::testing::HasSubstr("XPU")));
}

}  // namespace
}  // namespace pretext
