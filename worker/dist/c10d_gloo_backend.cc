#include <csignal>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include "worker/dist/c10d_backend.h"

namespace pretext {

c10::intrusive_ptr<c10d::Backend> ConnectGloo(const c10::intrusive_ptr<c10d::Store>& store,
                                              const GangOptions& options) {
  // Gloo writes to sockets whose other end may be dead; it must get the error, not the process the signal.
  std::signal(SIGPIPE, SIG_IGN);
  auto gloo = c10d::ProcessGroupGloo::Options::create(absl::ToChronoMilliseconds(options.timeout));
  gloo->devices = {c10d::ProcessGroupGloo::createDeviceForHostname(options.host, /*lazyInit=*/false)};
  return c10::make_intrusive<c10d::ProcessGroupGloo>(store, options.rank, options.world_size,
                                                     std::move(gloo));
}

}  // namespace pretext
