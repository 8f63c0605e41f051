#ifndef PRETEXT_SERVER_STORE_JOB_STORE_H_
#define PRETEXT_SERVER_STORE_JOB_STORE_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "pretext/v1/event.pb.h"

namespace pretext {

// The journal. Any thread.
class JobStore {
 public:
  virtual ~JobStore() = default;

  // Appends all of `events` or none; returns the new revision (the number of events ever appended) once they
  // are durable. ABORTED, nothing stored, if the revision is not `expected_revision`: another coordinator
  // leads. UNAVAILABLE or RESOURCE_EXHAUSTED: the disk refused; nothing stored.
  virtual absl::StatusOr<int64_t> Append(absl::Span<const v1::Event> events, int64_t expected_revision) = 0;

  // Calls `visit` with every event after `after_revision`, in order. DATA_LOSS: a record cannot be read;
  // the message says which, and of which file.
  virtual absl::Status Replay(int64_t after_revision,
                              const std::function<void(int64_t revision, const v1::Event& event)>& visit) = 0;
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_STORE_JOB_STORE_H_
