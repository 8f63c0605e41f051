#ifndef PRETEXT_WORKER_DIST_GUARDED_H_
#define PRETEXT_WORKER_DIST_GUARDED_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace pretext {

// Runs `body` and returns its status. The one place where exceptions of LibTorch and others end: whatever a
// thread calls LibTorch for, it calls through here.
//   RESOURCE_EXHAUSTED, reason OUT_OF_MEMORY   the device's memory or the machine's; says what to change
//   UNAVAILABLE, reason PEER_LOST              a collective failed
//   INTERNAL                                   any other exception; its call stack is logged
absl::Status Guarded(absl::FunctionRef<absl::Status()> body);

}  // namespace pretext

#endif  // PRETEXT_WORKER_DIST_GUARDED_H_
