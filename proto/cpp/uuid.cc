#include "proto/cpp/uuid.h"

#include <cstdint>
#include <random>

#include "absl/strings/str_format.h"

namespace pretext {

std::string MakeUuid() {
  std::random_device device;
  const auto draw = [&] { return (uint64_t{device()} << 32) | device(); };
  const uint64_t high = (draw() & ~uint64_t{0xf000}) | 0x4000;
  const uint64_t low = (draw() & ~(uint64_t{3} << 62)) | (uint64_t{2} << 62);
  return absl::StrFormat("%08x-%04x-%04x-%04x-%012x", high >> 32, (high >> 16) & 0xffff, high & 0xffff,
                         low >> 48, low & 0xffffffffffff);
}

}  // namespace pretext
