#ifndef PRETEXT_WORKER_DIST_DEVICE_H_
#define PRETEXT_WORKER_DIST_DEVICE_H_

#include <c10/core/Device.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace pretext {

// UNIMPLEMENTED unless this build can compute on devices of `type`: CPU always, CUDA with --config=cuda.
absl::Status CheckDeviceType(c10::DeviceType type);

// GPUs that this process may use; 0 without a driver or in a build for CPUs. Starts the GPU driver, after
// which no forked child can use it: a process that forks ranks must not ask.
int CountGpus();

// The device of the rank to which `index` on this machine is assigned; makes a GPU the calling thread's
// current one. CPU: any index. UNIMPLEMENTED as above. FAILED_PRECONDITION: there is no such GPU.
absl::StatusOr<c10::Device> SelectDevice(c10::DeviceType type, int index);

}  // namespace pretext

#endif  // PRETEXT_WORKER_DIST_DEVICE_H_
