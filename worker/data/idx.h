#ifndef PRETEXT_WORKER_DATA_IDX_H_
#define PRETEXT_WORKER_DATA_IDX_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace pretext {

// The content of an IDX file (LeCun, "The MNIST database"): an array of unsigned bytes.
struct IdxArray {
  std::vector<int64_t> shape;
  std::vector<uint8_t> values;  // row-major
};

// Whether the file, gzip or plain, begins like an IDX file of unsigned bytes.
bool IsIdxFile(const std::string& path);

// NOT_FOUND; INVALID_ARGUMENT: no regular file, or no IDX file of unsigned bytes; DATA_LOSS: shorter or
// longer than its header says, which costs no memory. Messages name the file.
absl::StatusOr<IdxArray> ReadIdx(const std::string& path);

}  // namespace pretext

#endif  // PRETEXT_WORKER_DATA_IDX_H_
