#ifndef PRETEXT_PROTO_CPP_SHA256_H_
#define PRETEXT_PROTO_CPP_SHA256_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace pretext {

// SHA-256 (FIPS 180-4) of a stream of bytes, by OpenSSL. Thread-compatible.
class Sha256 {
 public:
  Sha256();
  // A copy has seen the same bytes and goes its own way.
  Sha256(const Sha256& other);
  Sha256(Sha256&&) = default;
  Sha256& operator=(Sha256&&) = default;
  void Update(absl::string_view bytes);
  // The digest of everything so far as 64 lower-case hex digits. Call once, last.
  std::string HexDigest();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

std::string Sha256Hex(absl::string_view bytes);

// Of a whole file. NOT_FOUND or UNAVAILABLE with the path when it cannot be read.
absl::StatusOr<std::string> Sha256HexOfFile(const std::string& path);

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_SHA256_H_
