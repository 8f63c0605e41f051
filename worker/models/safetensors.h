#ifndef PRETEXT_WORKER_MODELS_SAFETENSORS_H_
#define PRETEXT_WORKER_MODELS_SAFETENSORS_H_

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/cpp/sha256.h"

namespace pretext {

// The safetensors format (github.com/huggingface/safetensors): a length, a JSON header and raw little-endian
// tensors without gaps. Any thread.

struct SafetensorsFile {
  // On the CPU, contiguous. They share the file's pages, which stay mapped as long as one of them lives;
  // writing to a tensor changes memory only, never the file.
  std::map<std::string, at::Tensor> tensors;
  std::map<std::string, std::string> metadata;
};

// Maps and checks a whole file. NOT_FOUND or UNAVAILABLE: it cannot be opened or read. DATA_LOSS: it is not a
// well-formed safetensors file; the message says what is wrong with which entry. UNIMPLEMENTED: a tensor has
// one of the format's types that LibTorch cannot hold (F4, F6).
absl::StatusOr<SafetensorsFile> ReadSafetensors(const std::string& path);

// Writes `tensors` to exactly `path`, replacing what is there, and returns when the bytes are on disk (fsync;
// the folder is the caller's to sync, as is renaming). Tensors may be on any device and of any strides; two
// names may share memory, each is written in full. `metadata` gains format=pt unless it names a format.
// Equal arguments give equal bytes. The file's SHA-256 goes into `digest` if given.
// INVALID_ARGUMENT: a tensor is undefined, sparse or of a type the format lacks, or a name is the format's
// own. UNAVAILABLE or RESOURCE_EXHAUSTED (disk full): the write failed; an incomplete file may be left.
absl::Status WriteSafetensors(const std::string& path, const std::map<std::string, at::Tensor>& tensors,
                              const std::map<std::string, std::string>& metadata, Sha256* digest = nullptr);

}  // namespace pretext

#endif  // PRETEXT_WORKER_MODELS_SAFETENSORS_H_
