#include "worker/dist/c10d_link.h"

#include <utility>

#include "proto/cpp/status_macros.h"
#include "worker/dist/c10d_status.h"

namespace pretext {

C10dLink::C10dLink(c10::intrusive_ptr<c10d::Store> store, c10::intrusive_ptr<c10d::Backend> backend)
    : rank_(backend->getRank()),
      world_size_(backend->getSize()),
      store_(std::move(store)),
      backend_(std::move(backend)) {}

C10dLink::~C10dLink() {
  if (!backend_) return;
  try {
    backend_->shutdown();
  } catch (...) {
    // The rank is done with its peers; what they do now is theirs to report.
  }
}

absl::StatusOr<C10dLink::Work> C10dLink::Start(absl::string_view collective,
                                               const std::function<Work(c10d::Backend&)>& start) {
  if (!error_.ok()) return error_;
  try {
    return start(*backend_);
  } catch (...) {
    return Fail(collective);
  }
}

absl::Status C10dLink::Await(absl::string_view collective, Work work) {
  if (!error_.ok()) return error_;
  try {
    work->wait();
    return absl::OkStatus();
  } catch (...) {
    work.reset();  // it holds the connections open
    return Fail(collective);
  }
}

absl::Status C10dLink::Run(absl::string_view collective, const std::function<Work(c10d::Backend&)>& start) {
  PRETEXT_ASSIGN_OR_RETURN(Work work, Start(collective, start));
  return Await(collective, std::move(work));
}

absl::Status C10dLink::Fail(absl::string_view collective) {
  error_ = CaughtStatus(collective, rank_, world_size_);
  try {
    backend_->abort();
  } catch (...) {
    // The first error is the one to tell.
  }
  // Gloo closes its sockets when the last user lets go. What is still under way here fails on the same peers.
  backend_.reset();
  return error_;
}

}  // namespace pretext
