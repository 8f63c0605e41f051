#include "worker/dist/join_gang.h"

#include <string>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/cpp/status_macros.h"
#include "worker/dist/c10d_backend.h"
#include "worker/dist/c10d_link.h"
#include "worker/dist/c10d_process_group.h"
#include "worker/dist/c10d_status.h"
#include "worker/dist/device.h"
#include "worker/dist/listening_socket.h"
#include "worker/dist/solo_process_group.h"

namespace pretext {
namespace {

constexpr char kMeeting[] = "the meeting";
using Store = c10::intrusive_ptr<c10d::Store>;

absl::Status CheckOptions(const GangOptions& options) {
  if (options.rank < 0 || options.rank >= options.world_size) {
    return absl::InvalidArgumentError(
        absl::StrCat("rank ", options.rank, " is not of a gang of ", options.world_size));
  }
  return CheckDeviceType(options.device.type());
}

c10d::TCPStoreOptions StoreOptions(const GangOptions& options, uint16_t port) {
  c10d::TCPStoreOptions store;
  store.port = port;
  store.waitWorkers = false;
  store.timeout = absl::ToChronoMilliseconds(options.timeout);
  return store;
}

// Rank 0's part: opens the place to meet and tells where it is.
absl::StatusOr<Store> OpenStore(const GangOptions& options) {
  PRETEXT_ASSIGN_OR_RETURN(ListeningSocket socket, ListeningSocket::BindTo(options.host));
  c10d::TCPStoreOptions store_options = StoreOptions(options, socket.port());
  store_options.isServer = true;
  store_options.masterListenFd = socket.Release();
  Store store = c10::make_intrusive<c10d::TCPStore>(options.host, store_options);
  PRETEXT_RETURN_IF_ERROR(options.publish(JoinHostPort(options.host, socket.port())));
  return store;
}

absl::StatusOr<Store> FindStore(const GangOptions& options) {
  PRETEXT_ASSIGN_OR_RETURN(const std::string address, options.find());
  PRETEXT_ASSIGN_OR_RETURN(const HostPort place, SplitHostPort(address));
  try {
    return Store(c10::make_intrusive<c10d::TCPStore>(place.host, StoreOptions(options, place.port)));
  } catch (...) {
    return PeerLost(kMeeting,
                    absl::StrCat("rank ", options.rank, " cannot reach rank 0 at ", address, " within ",
                                 absl::FormatDuration(options.timeout), ": ", CaughtMessage()));
  }
}

std::string ArrivalKey(int rank) { return absl::StrCat("arrived/", rank); }

// Says which ranks are missing when not all come.
absl::Status AwaitArrivals(const GangOptions& options, const Store& store) {
  std::vector<std::string> keys;
  for (int rank = 0; rank < options.world_size; ++rank) keys.push_back(ArrivalKey(rank));
  store->set(ArrivalKey(options.rank), std::string("1"));
  try {
    store->wait(keys, absl::ToChronoMilliseconds(options.timeout));
    return absl::OkStatus();
  } catch (const c10::DistStoreError&) {
    // Not all in time.
  }
  std::vector<int> missing;
  for (int rank = 0; rank < options.world_size; ++rank) {
    if (!store->check({ArrivalKey(rank)})) missing.push_back(rank);
  }
  return PeerLost(
      kMeeting,
      absl::StrCat("rank ", options.rank, " waited ", absl::FormatDuration(options.timeout),
                   " for the gang of ", options.world_size, " to meet, but rank",
                   missing.size() == 1 ? " " : "s ", absl::StrJoin(missing, ", "), " did not come"));
}

absl::StatusOr<std::unique_ptr<ProcessGroup>> Meet(const GangOptions& options) {
  PRETEXT_ASSIGN_OR_RETURN(Store store, options.rank == 0 ? OpenStore(options) : FindStore(options));
  PRETEXT_RETURN_IF_ERROR(AwaitArrivals(options, store));
  const Store addresses = c10::make_intrusive<c10d::PrefixStore>("backend", store);
  c10::intrusive_ptr<c10d::Backend> backend;
  if (options.device.is_cpu()) {
    backend = ConnectGloo(addresses, options);
  } else {
    PRETEXT_ASSIGN_OR_RETURN(backend, ConnectNccl(addresses, options));
  }
  return std::make_unique<C10dProcessGroup>(std::make_unique<C10dLink>(std::move(store), std::move(backend)),
                                            options.device);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ProcessGroup>> JoinGang(const GangOptions& options) {
  PRETEXT_RETURN_IF_ERROR(CheckOptions(options));
  if (options.world_size == 1) return std::make_unique<SoloProcessGroup>();
  GangOptions here = options;
  if (here.host.empty()) here.host = "127.0.0.1";
  try {
    return Meet(here);
  } catch (...) {
    return CaughtStatus(kMeeting, options.rank, options.world_size);
  }
}

}  // namespace pretext
