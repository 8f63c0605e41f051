#ifndef PRETEXT_WORKER_DIST_C10D_LINK_H_
#define PRETEXT_WORKER_DIST_C10D_LINK_H_

#include <c10/util/intrusive_ptr.h>

#include <functional>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pretext {

// One rank's connections to its gang. c10d's exceptions end here. The first error is kept and returned by
// every later call; it closes the connections, so that the peers' calls fail soon and not at their time-outs.
// Thread-compatible.
class C10dLink {
 public:
  using Work = c10::intrusive_ptr<c10d::Work>;

  // `store` is where the gang met; rank 0 serves it for as long as this lives.
  C10dLink(c10::intrusive_ptr<c10d::Store> store, c10::intrusive_ptr<c10d::Backend> backend);
  ~C10dLink();
  C10dLink(const C10dLink&) = delete;
  C10dLink& operator=(const C10dLink&) = delete;

  int rank() const { return rank_; }
  int world_size() const { return world_size_; }

  // Starts what `start` says; `collective` names it in errors. Tensors stay alive and untouched until Await.
  absl::StatusOr<Work> Start(absl::string_view collective, const std::function<Work(c10d::Backend&)>& start);
  // Waits until `work` is done on this rank, on a GPU too.
  absl::Status Await(absl::string_view collective, Work work);
  // Both.
  absl::Status Run(absl::string_view collective, const std::function<Work(c10d::Backend&)>& start);

 private:
  // Keeps the error of the exception being handled and closes the connections.
  absl::Status Fail(absl::string_view collective);

  const int rank_;
  const int world_size_;
  c10::intrusive_ptr<c10d::Store> store_;
  c10::intrusive_ptr<c10d::Backend> backend_;
  absl::Status error_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_DIST_C10D_LINK_H_
