#include "server/coordinator/rank_exit.h"

#include <csignal>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/exit_codes.h"

namespace pretext {
namespace {

struct ExitMeaning {
  v1::RankEnded::Kind kind;
  v1::Failure::Cause cause;  // when FAILED
  absl::string_view what;    // completes "rank 1 (pid 5, nodes/a) "
};

ExitMeaning MeaningOf(int exit_code) {
  switch (exit_code) {
    case kRankFinished:
      return {v1::RankEnded::FINISHED, v1::Failure::CAUSE_UNSPECIFIED, "finished"};
    case kRankStopped:
      return {v1::RankEnded::STOPPED, v1::Failure::CAUSE_UNSPECIFIED, "stopped"};
    case kRankPeerLost:
      return {v1::RankEnded::FAILED, v1::Failure::PROCESS, "lost another rank of its gang"};
    case kRankBadSpec:
      return {v1::RankEnded::FAILED, v1::Failure::SPEC, "refused the job as written"};
    case kRankBadData:
      return {v1::RankEnded::FAILED, v1::Failure::DATA, "could not use the data"};
    case kRankNonFinite:
      return {v1::RankEnded::FAILED, v1::Failure::NON_FINITE, "met a loss or gradient that is not finite"};
    case kRankUnavailable:
      return {v1::RankEnded::FAILED, v1::Failure::PROCESS, "lost a service or file system it needs"};
    case kRankFault:
      return {v1::RankEnded::FAILED, v1::Failure::PROCESS, "met a fault of the program"};
    case kRankFenced:
      return {v1::RankEnded::FAILED, v1::Failure::COORDINATOR, "took its attempt for over and left"};
    default:
      return {v1::RankEnded::FAILED, v1::Failure::PROCESS, "ended without telling why"};
  }
}

// Completes a failure's message by what the process printed at its end.
std::string LastWords(const v1::RankStatus& status) {
  return status.last_words().empty() ? "" : absl::StrCat("; it printed last: ", status.last_words());
}

v1::RankEnded Gone(const std::string& job, int32_t attempt, int32_t rank) {
  v1::RankEnded ended;
  ended.set_job(job);
  ended.set_attempt(attempt);
  ended.set_rank(rank);
  ended.set_process_gone(true);
  return ended;
}

}  // namespace

std::string SignalName(int signal) {
  const char* name = sigabbrev_np(signal);
  return name == nullptr ? absl::StrCat("signal ", signal) : absl::StrCat("SIG", name);
}

v1::RankEnded RankEndedByExit(const v1::RankStatus& status, absl::string_view node, bool abandoned) {
  v1::RankEnded ended = Gone(status.job(), status.attempt(), status.rank());
  if (status.signal() != 0 && abandoned) {
    ended.set_kind(v1::RankEnded::STOPPED);
    return ended;
  }
  const std::string who = absl::StrCat("rank ", status.rank(), " (pid ", status.pid(), ", ", node, ")");
  v1::Failure failure;
  if (status.signal() != 0) {
    ended.set_kind(v1::RankEnded::FAILED);
    failure.set_cause(status.out_of_memory() ? v1::Failure::OUT_OF_MEMORY : v1::Failure::PROCESS);
    failure.set_message(
        absl::StrCat(who, " was killed by signal ", status.signal(), " (", SignalName(status.signal()), ")",
                     status.out_of_memory()
                         ? " for lack of memory; lower batch_size or data_threads, or give the machine more"
                         : LastWords(status)));
  } else {
    const ExitMeaning meaning = MeaningOf(status.exit_code());
    ended.set_kind(meaning.kind);
    if (meaning.kind != v1::RankEnded::FAILED) return ended;
    failure.set_cause(meaning.cause);
    failure.set_message(
        absl::StrCat(who, " ", meaning.what, " (exit code ", status.exit_code(), ")",
                     status.last_words().empty() ? "; its log says more" : LastWords(status)));
  }
  failure.set_rank(status.rank());
  failure.set_node(std::string(node));
  failure.set_exit_code(status.exit_code());
  failure.set_signal(status.signal());
  failure.set_attempt(status.attempt());
  *ended.mutable_failure() = std::move(failure);
  return ended;
}

v1::RankEnded RankEndedWithoutTrace(const std::string& job, int32_t attempt,
                                    const v1::RankPlacement& placement, v1::Failure::Cause cause,
                                    absl::string_view why) {
  v1::RankEnded ended = Gone(job, attempt, placement.rank());
  ended.set_kind(v1::RankEnded::FAILED);
  v1::Failure* failure = ended.mutable_failure();
  failure->set_cause(cause);
  failure->set_rank(placement.rank());
  failure->set_node(placement.node());
  failure->set_attempt(attempt);
  failure->set_message(absl::StrCat("rank ", placement.rank(), " (", placement.node(), "): ", why));
  return ended;
}

v1::RankEnded KeepToldOutcome(const RankRecord& rank, v1::RankEnded ended) {
  if (rank.ended == v1::RankEnded::KIND_UNSPECIFIED) return ended;
  ended.set_kind(rank.ended);
  ended.clear_failure();
  if (rank.ended == v1::RankEnded::FAILED) *ended.mutable_failure() = rank.failure;
  return ended;
}

}  // namespace pretext
