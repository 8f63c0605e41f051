#ifndef PRETEXT_WORKER_DIST_C10D_BACKEND_H_
#define PRETEXT_WORKER_DIST_C10D_BACKEND_H_

#include <c10/util/intrusive_ptr.h>

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "absl/status/statusor.h"
#include "worker/dist/gang_options.h"

namespace pretext {

// Connects the ranks that have met in `store`: each calls this. Exceptions of c10d pass through.

// For tensors on CPUs; listens on options.host only.
c10::intrusive_ptr<c10d::Backend> ConnectGloo(const c10::intrusive_ptr<c10d::Store>& store,
                                              const GangOptions& options);

// For tensors on options.device. UNIMPLEMENTED in a build without --config=cuda.
absl::StatusOr<c10::intrusive_ptr<c10d::Backend>> ConnectNccl(const c10::intrusive_ptr<c10d::Store>& store,
                                                              const GangOptions& options);

}  // namespace pretext

#endif  // PRETEXT_WORKER_DIST_C10D_BACKEND_H_
