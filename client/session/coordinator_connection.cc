#include "client/session/coordinator_connection.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/coordinator_client/grpc_coordinator_client.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/program_path.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

constexpr absl::Duration kAwayRemarkPeriod = absl::Seconds(30);

}  // namespace

absl::StatusOr<std::string> NormalizeAddress(absl::string_view address) {
  if (absl::StartsWith(address, "unix:")) return std::string(address);
  if (absl::StartsWith(address, "/")) return absl::StrCat("unix:", address);
  const size_t colon = address.rfind(':');
  int port = 0;
  if (colon == 0 || colon == absl::string_view::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port) ||
      port < 1 || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", address,
                     "' is no address of a coordinator: it must be HOST:PORT, such as "
                     "localhost:7070, or unix:/PATH"));
  }
  return std::string(address);
}

absl::StatusOr<CoordinatorConnection> ConnectToCoordinator(const CommandContext& context,
                                                           absl::Duration patience) {
  CoordinatorConnection connection;
  GrpcClientOptions options;
  options.retry.give_up_after = patience;
  if (!context.server.empty()) {
    PRETEXT_ASSIGN_OR_RETURN(options.address, NormalizeAddress(context.server));
  } else {
    EmbeddedOptions embedded;
    embedded.state_directory = context.state_directory;
    embedded.find_server = [&context] {
      return FindProgram("pretext-server", "server", context.program_folder, context.search_path);
    };
    connection.embedded =
        std::make_unique<EmbeddedCoordinator>(std::move(embedded), context.clock, context.wait);
    PRETEXT_ASSIGN_OR_RETURN(options.address, connection.embedded->EnsureServing());
  }
  // Called between tries only: so the coordinator is away.
  options.wait = [&context, embedded = connection.embedded.get(), says_so = patience >= kFollowPatience,
                  next_remark = absl::InfinitePast()](absl::Duration delay, const absl::Status& why) mutable {
    if (says_so && context.clock->Now() >= next_remark) {
      // With a reason it is the coordinator's own word, else nobody was there to say any.
      *context.err << "pretext: "
                   << (GetReason(why).empty() ? "the coordinator does not answer"
                                              : std::string(why.message()))
                   << "; trying again" << std::endl;
      next_remark = context.clock->Now() + kAwayRemarkPeriod;
    }
    context.wait(delay);
    if (embedded != nullptr) embedded->Revive();
  };
  connection.client = MakeGrpcCoordinatorClient(std::move(options));
  return connection;
}

}  // namespace pretext
