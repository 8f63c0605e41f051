#ifndef PRETEXT_WORKER_DATA_REGULAR_FILE_H_
#define PRETEXT_WORKER_DATA_REGULAR_FILE_H_

#include <string>

#include "absl/status/status.h"

namespace pretext {

// Whether `path`, links followed, is a regular file: opening a pipe would wait for its writer for ever, and a
// device may have no end. To be asked before the file is opened.
// NOT_FOUND: nothing is there. PERMISSION_DENIED: it cannot be looked at. INVALID_ARGUMENT: something else is
// there; the message says what.
absl::Status CheckIsRegularFile(const std::string& path);

}  // namespace pretext

#endif  // PRETEXT_WORKER_DATA_REGULAR_FILE_H_
