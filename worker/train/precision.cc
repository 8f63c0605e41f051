#include "worker/train/precision.h"

#include <ATen/autocast_mode.h>
#include <ATen/ops/full.h>

#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

bool HasFlag(absl::string_view flags, absl::string_view wanted) {
  for (absl::string_view flag : absl::StrSplit(flags, ' ')) {
    if (flag == wanted) return true;
  }
  return false;
}

}  // namespace

std::string CpuFlags() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (absl::StartsWith(line, "flags")) return line.substr(line.find(':') + 1);
  }
  return "";
}

v1::Precision FasterPrecision(c10::DeviceType device, absl::string_view cpu_flags) {
  if (device != c10::DeviceType::CPU) return v1::BF16;
  return HasFlag(cpu_flags, "avx512_bf16") || HasFlag(cpu_flags, "amx_bf16") ? v1::BF16 : v1::FP32;
}

absl::StatusOr<v1::Precision> AgreeOnPrecision(v1::Precision own, ProcessGroup& group, c10::Device device) {
  const at::Tensor share = at::full({1}, own == v1::BF16 ? 1.0f : 0.0f).to(device);
  PRETEXT_RETURN_IF_ERROR(group.AllReduceMean({share}));
  return share.item<float>() == 1 ? v1::BF16 : v1::FP32;
}

Bf16Autocast::Bf16Autocast(v1::Precision precision, c10::DeviceType device)
    : on_(precision == v1::BF16), device_(device) {
  if (!on_) return;
  at::autocast::set_autocast_dtype(device_, at::kBFloat16);
  at::autocast::set_autocast_enabled(device_, true);
}

Bf16Autocast::~Bf16Autocast() {
  if (!on_) return;
  at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_, false);
}

}  // namespace pretext
