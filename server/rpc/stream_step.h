#ifndef PRETEXT_SERVER_RPC_STREAM_STEP_H_
#define PRETEXT_SERVER_RPC_STREAM_STEP_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/types/optional.h"

namespace pretext {

// What a stream does next.
template <typename Response>
struct StreamStep {
  absl::optional<Response> record;   // to be sent; then the next step is asked for
  absl::optional<absl::Status> end;  // without a record: the stream ends so
  // Neither: nothing to send until something changes.

  static StreamStep Send(Response response) { return {std::move(response), absl::nullopt}; }
  static StreamStep End(absl::Status status) { return {absl::nullopt, std::move(status)}; }
  static StreamStep Wait() { return {absl::nullopt, absl::nullopt}; }
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_RPC_STREAM_STEP_H_
