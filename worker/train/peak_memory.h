#ifndef PRETEXT_WORKER_TRAIN_PEAK_MEMORY_H_
#define PRETEXT_WORKER_TRAIN_PEAK_MEMORY_H_

#include <c10/core/Device.h>

#include <cstdint>

namespace pretext {

// The most memory this process has held at once, in bytes: resident memory on a CPU, what tensors took on
// another device.
int64_t PeakMemoryBytes(c10::Device device);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_PEAK_MEMORY_H_
