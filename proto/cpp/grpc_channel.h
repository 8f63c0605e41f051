#ifndef PRETEXT_PROTO_CPP_GRPC_CHANNEL_H_
#define PRETEXT_PROTO_CPP_GRPC_CHANNEL_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>

namespace pretext {

// The largest message on any connection: a page of jobs, what all ranks of a machine shall do, or a rank's
// metrics and log lines after an outage.
inline constexpr int kMaxMessageBytes = 16 << 20;

// A connection to a coordinator at "host:port" or "unix:PATH", made when it is first used and made again,
// within two seconds of when that is possible, after it broke. Who calls decides how often to try; calls fail
// with UNAVAILABLE meanwhile.
std::shared_ptr<grpc::Channel> MakeGrpcChannel(const std::string& address);

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_GRPC_CHANNEL_H_
