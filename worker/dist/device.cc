#include "worker/dist/device.h"

#include <c10/core/impl/DeviceGuardImplInterface.h>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/dist/c10d_status.h"

namespace pretext {
namespace {

// CUDA as it has registered itself, so that this source is the same in both builds. Null in one for CPUs.
const c10::impl::DeviceGuardImplInterface* Cuda() {
  return c10::impl::hasDeviceGuardImpl(c10::kCUDA) ? c10::impl::getDeviceGuardImpl(c10::kCUDA) : nullptr;
}

}  // namespace

absl::Status CheckDeviceType(c10::DeviceType type) {
  if (type == c10::kCPU || (type == c10::kCUDA && Cuda() != nullptr)) return absl::OkStatus();
  if (type == c10::kCUDA) {
    return absl::UnimplementedError(
        "this program is built for CPUs; build it with --config=cuda, or let the job ask for CPUs");
  }
  return absl::UnimplementedError(
      absl::StrCat("ranks compute on CPUs and on CUDA GPUs, not on ", c10::DeviceTypeName(type)));
}

int CountGpus() { return Cuda() == nullptr ? 0 : Cuda()->deviceCount(); }

absl::StatusOr<c10::Device> SelectDevice(c10::DeviceType type, int index) {
  PRETEXT_RETURN_IF_ERROR(CheckDeviceType(type));
  if (type == c10::kCPU) return c10::Device(c10::kCPU);
  const int count = CountGpus();
  if (index < 0 || index >= count) {
    return absl::FailedPreconditionError(absl::StrCat(
        "a rank is to use GPU ", index, " (counted from 0), but this process sees ", count,
        "; look at nvidia-smi and CUDA_VISIBLE_DEVICES, and at the devices that the node offers"));
  }
  const c10::Device device(c10::kCUDA, static_cast<c10::DeviceIndex>(index));
  try {
    Cuda()->setDevice(device);
  } catch (...) {
    return absl::FailedPreconditionError(absl::StrCat("GPU ", index, " cannot be used: ", CaughtMessage()));
  }
  return device;
}

}  // namespace pretext
