#include "worker/session/outcome.h"

#include "absl/strings/str_cat.h"
#include "proto/cpp/error_details.h"

namespace pretext {
namespace {

using Cause = v1::Failure;

struct Meaning {
  v1::Outcome::Kind kind = v1::Outcome::FAILED;
  v1::Failure::Cause cause = v1::Failure::CAUSE_UNSPECIFIED;
  RankExitCode exit_code = kRankFault;
  bool about_job = false;  // any rank would say the same
};

Meaning MeaningOf(absl::StatusCode code, absl::string_view reason) {
  switch (code) {
    case absl::StatusCode::kOk:
      return {v1::Outcome::FINISHED, Cause::CAUSE_UNSPECIFIED, kRankFinished};
    case absl::StatusCode::kCancelled:
      return {v1::Outcome::STOPPED, Cause::CAUSE_UNSPECIFIED, kRankStopped};
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kOutOfRange:
      return {v1::Outcome::FAILED, Cause::SPEC, kRankBadSpec, /*about_job=*/true};
    case absl::StatusCode::kDataLoss:
      return {v1::Outcome::FAILED, Cause::DATA, kRankBadData, /*about_job=*/true};
    case absl::StatusCode::kAborted:
      if (reason == "NON_FINITE") {
        return {v1::Outcome::FAILED, Cause::NON_FINITE, kRankNonFinite, /*about_job=*/true};
      }
      return {v1::Outcome::FAILED, Cause::COORDINATOR, kRankFenced};
    case absl::StatusCode::kUnavailable:
      if (reason == "PEER_LOST") return {v1::Outcome::FAILED, Cause::PROCESS, kRankPeerLost};
      return {v1::Outcome::FAILED, Cause::PROCESS, kRankUnavailable};
    case absl::StatusCode::kDeadlineExceeded:
      return {v1::Outcome::FAILED, Cause::PROCESS, kRankUnavailable};
    case absl::StatusCode::kResourceExhausted:
      return {v1::Outcome::FAILED, reason == "OUT_OF_MEMORY" ? Cause::OUT_OF_MEMORY : Cause::PROCESS,
              kRankUnavailable};
    default:
      return {v1::Outcome::FAILED, Cause::PROCESS, kRankFault};
  }
}

}  // namespace

RankOutcome OutcomeOf(const absl::Status& status, const v1::RankAssignment& assignment,
                      const std::string& node) {
  const Meaning meaning = MeaningOf(status.code(), GetReason(status));
  RankOutcome result;
  result.exit_code = meaning.exit_code;
  result.outcome.set_kind(meaning.kind);
  if (meaning.kind != v1::Outcome::FAILED) return result;
  std::string message(status.message());
  if (message.empty()) message = absl::StrCat("ended with ", absl::StatusCodeToString(status.code()));
  v1::Failure* failure = result.outcome.mutable_failure();
  failure->set_cause(meaning.cause);
  failure->set_rank(assignment.rank());
  failure->set_node(node);
  failure->set_message(
      meaning.about_job ? message : absl::StrCat("rank ", assignment.rank(), " (", node, "): ", message));
  failure->set_exit_code(meaning.exit_code);
  failure->set_attempt(assignment.attempt());
  return result;
}

}  // namespace pretext
