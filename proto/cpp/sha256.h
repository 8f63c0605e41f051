#ifndef PRETEXT_PROTO_CPP_SHA256_H_
#define PRETEXT_PROTO_CPP_SHA256_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pretext {

// SHA-256 (FIPS 180-4) of a stream of bytes. Thread-compatible.
class Sha256 {
 public:
  Sha256();
  void Update(absl::string_view bytes);
  // The digest of everything so far as 64 lower-case hex digits. Call once, last.
  std::string HexDigest();

 private:
  void Block(const uint8_t* block);

  std::array<uint32_t, 8> state_;
  std::array<uint8_t, 64> pending_;
  uint64_t bytes_ = 0;
};

std::string Sha256Hex(absl::string_view bytes);

// Of a whole file. NOT_FOUND or UNAVAILABLE with the path when it cannot be read.
absl::StatusOr<std::string> Sha256HexOfFile(const std::string& path);

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_SHA256_H_
