#include "server/coordinator/attempt_outcome.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "proto/cpp/exit_codes.h"

namespace pretext {
namespace {

constexpr int32_t kDefaultMaxRestarts = 3;

// How much a failure tells about why the gang fell. Higher explains more.
int Weight(const v1::Failure& failure) {
  if (IsPeerLoss(failure)) return 0;
  switch (failure.cause()) {
    case v1::Failure::SPEC:
      return 9;
    case v1::Failure::DATA:
      return 8;
    case v1::Failure::NON_FINITE:
      return 7;
    case v1::Failure::OUT_OF_MEMORY:
      return 6;
    case v1::Failure::NODE:
      return 5;
    case v1::Failure::HANG:
      return 4;
    case v1::Failure::PROCESS:
      return 3;
    case v1::Failure::COORDINATOR:
      return 2;
    default:
      return 1;
  }
}

std::string WhereItGoesOn(const JobRecord& job) {
  const v1::Checkpoint* newest = job.newest_checkpoint();
  if (newest == nullptr) return "starts over: it had no checkpoint yet";
  return absl::StrCat("goes on from step ", newest->step(), " of ", newest->stage());
}

AttemptOutcome After(const JobRecord& job, const v1::Failure& failure) {
  AttemptOutcome outcome;
  outcome.failure = failure;
  if (failure.cause() == v1::Failure::SPEC || failure.cause() == v1::Failure::DATA) {
    outcome.next = v1::Job::FAILED;
    outcome.reason = failure.message();
    return outcome;
  }
  if (failure.cause() == v1::Failure::NON_FINITE && job.failure.cause() == v1::Failure::NON_FINITE &&
      job.failure.message() == failure.message()) {
    outcome.next = v1::Job::FAILED;
    outcome.reason = absl::StrCat(failure.message(),
                                  "; twice in a row at the same place, so another try would meet it again. "
                                  "Lower the learning rate or use FP32");
    return outcome;
  }
  if (!CountsAsRestart(failure.cause())) {
    outcome.reason = absl::StrCat(failure.message(), "; ", WhereItGoesOn(job));
    return outcome;
  }
  const int32_t most = job.spec.has_max_restarts() ? job.spec.max_restarts() : kDefaultMaxRestarts;
  if (job.restarts >= most) {
    outcome.next = v1::Job::FAILED;
    outcome.reason = absl::StrCat(failure.message(), "; ");
    absl::StrAppend(&outcome.reason, most == 0 ? "max_restarts is 0"
                                               : absl::StrCat("it was started again ", job.restarts,
                                                              job.restarts == 1 ? " time" : " times",
                                                              " already (max_restarts)"));
    return outcome;
  }
  outcome.reason = absl::StrCat(failure.message(), "; ", WhereItGoesOn(job), " (restart ", job.restarts + 1,
                                " of ", most, ")");
  return outcome;
}

}  // namespace

bool IsPeerLoss(const v1::Failure& failure) { return failure.exit_code() == kRankPeerLost; }

const v1::Failure* FindRootFailure(const JobRecord& job) {
  const v1::Failure* root = nullptr;
  for (const RankRecord& rank : job.ranks) {
    if (rank.ended != v1::RankEnded::FAILED) continue;
    if (root == nullptr || Weight(rank.failure) > Weight(*root)) root = &rank.failure;
  }
  return root;
}

AttemptOutcome DecideAfterAttempt(const JobRecord& job) {
  const bool all_finished = std::all_of(job.ranks.begin(), job.ranks.end(), [](const RankRecord& rank) {
    return rank.ended == v1::RankEnded::FINISHED;
  });
  AttemptOutcome outcome;
  if (all_finished) {
    outcome.next = v1::Job::SUCCEEDED;
    outcome.reason = job.spec.stages_size() == 1
                         ? "its stage is done"
                         : absl::StrCat("all ", job.spec.stages_size(), " stages are done");
    return outcome;
  }
  const v1::Failure* root = FindRootFailure(job);
  // Ranks that stop one after the other miss each other; that is no fault.
  if (root != nullptr && IsPeerLoss(*root) && job.stop_requested) root = nullptr;
  if (root != nullptr) {
    outcome = After(job, *root);
    if (root->cause() == v1::Failure::SPEC || root->cause() == v1::Failure::DATA) return outcome;
  }
  switch (job.wish) {
    case Wish::kCancel:
      outcome.next = v1::Job::CANCELLED;
      outcome.reason = job.wish_reason.empty() ? "cancelled" : job.wish_reason;
      return outcome;
    case Wish::kPause:
      outcome.next = v1::Job::PAUSED;
      outcome.reason = job.wish_reason.empty() ? "paused" : job.wish_reason;
      if (root != nullptr) absl::StrAppend(&outcome.reason, "; it ended badly: ", root->message());
      return outcome;
    case Wish::kNone:
      break;
  }
  if (root != nullptr) return outcome;
  outcome.reason = absl::StrCat("stopped; ", WhereItGoesOn(job));
  return outcome;
}

}  // namespace pretext
