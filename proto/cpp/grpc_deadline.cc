#include "proto/cpp/grpc_deadline.h"

#include "proto/cpp/clock.h"

namespace pretext {

void SetDeadline(grpc::ClientContext* context, absl::Duration timeout) {
  context->set_deadline(absl::ToChronoTime(RealClock()->Now() + timeout));
}

}  // namespace pretext
