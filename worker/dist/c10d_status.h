#ifndef PRETEXT_WORKER_DIST_C10D_STATUS_H_
#define PRETEXT_WORKER_DIST_C10D_STATUS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace pretext {

// UNAVAILABLE, reason PEER_LOST, with the message `what`; `collective` goes into the details.
absl::Status PeerLost(absl::string_view collective, absl::string_view what);

// What the exception that is being handled says, without a stack trace. REQUIRES: called in a catch block.
std::string CaughtMessage();

// Of the exception that c10d threw in `collective` on rank `rank`: PEER_LOST for sockets, stores and
// time-outs, INTERNAL for misuse. REQUIRES: called in a catch block.
absl::Status CaughtStatus(absl::string_view collective, int rank, int world_size);

}  // namespace pretext

#endif  // PRETEXT_WORKER_DIST_C10D_STATUS_H_
