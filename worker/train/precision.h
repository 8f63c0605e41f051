#ifndef PRETEXT_WORKER_TRAIN_PRECISION_H_
#define PRETEXT_WORKER_TRAIN_PRECISION_H_

#include <c10/core/DeviceType.h>

#include <string>

#include "absl/strings/string_view.h"
#include "pretext/v1/stage.pb.h"

namespace pretext {

// The first processor's feature flags, separated by blanks, as Linux lists them; empty where it does not.
std::string CpuFlags();

// BF16 where autocast computes a network of this name and these pictures faster than FP32 does: on a GPU, and
// on a CPU with matrix tiles (AMX) when the network is wide enough to fill them. Pure.
v1::Precision FasterPrecision(c10::DeviceType device, absl::string_view cpu_flags,
                              absl::string_view backbone);

// While it lives, operations of this thread on `device` compute in bf16 where that is safe.
class Bf16Autocast {
 public:
  // Does nothing unless `precision` is BF16.
  Bf16Autocast(v1::Precision precision, c10::DeviceType device);
  ~Bf16Autocast();
  Bf16Autocast(const Bf16Autocast&) = delete;
  Bf16Autocast& operator=(const Bf16Autocast&) = delete;

 private:
  bool on_;
  c10::DeviceType device_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_PRECISION_H_
