#ifndef PRETEXT_PROTO_CPP_PROTO_TIME_H_
#define PRETEXT_PROTO_CPP_PROTO_TIME_H_

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace pretext {

// Times as messages carry them, to the nanosecond. Pure. REQUIRES, of what becomes a message: it is finite.
google::protobuf::Timestamp ToTimestamp(absl::Time time);
absl::Time FromTimestamp(const google::protobuf::Timestamp& timestamp);

google::protobuf::Duration ToProtoDuration(absl::Duration duration);
absl::Duration FromProtoDuration(const google::protobuf::Duration& duration);

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_PROTO_TIME_H_
