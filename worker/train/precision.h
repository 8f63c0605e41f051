#ifndef PRETEXT_WORKER_TRAIN_PRECISION_H_
#define PRETEXT_WORKER_TRAIN_PRECISION_H_

#include <c10/core/Device.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pretext/v1/stage.pb.h"
#include "worker/dist/process_group.h"

namespace pretext {

// The first processor's feature flags, separated by blanks, as Linux lists them; empty where it does not.
std::string CpuFlags();

// BF16 where autocast computes convolutions faster than FP32 does: on a GPU, and on a CPU with instructions
// for bf16 products (AVX512-BF16 or AMX). Measured on MoCo's step with resnet10_narrow on 28-pixel pictures,
// where AVX512-BF16 takes 0.6 of the time. Pure.
v1::Precision FasterPrecision(c10::DeviceType device, absl::string_view cpu_flags);

// What all ranks of a gang compute with, whatever their machines are: BF16 if that is `own` of every rank.
absl::StatusOr<v1::Precision> AgreeOnPrecision(v1::Precision own, ProcessGroup& group, c10::Device device);

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
