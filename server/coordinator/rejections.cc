#include "server/coordinator/rejections.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/quoted_text.h"

namespace pretext {
namespace {

constexpr size_t kMostOfAReason = 300;

}  // namespace

absl::Status InvalidField(absl::string_view field, const std::string& what) {
  FieldViolations violations;
  violations.Add(std::string(field), what);
  return violations.ToStatus("INVALID_FIELD");
}

absl::Status NoSuchJob(absl::string_view name) {
  const absl::string_view advice = absl::StartsWith(name, "jobs/") ? "`pretext jobs` lists those there are"
                                                                   : "names look like jobs/7-xray";
  return WithReason(absl::NotFoundError(absl::StrCat("there is no job ", Quoted(name), "; ", advice)),
                    "JOB_NOT_FOUND", {{"job", std::string(name)}});
}

absl::Status NoSuchNode(absl::string_view name) {
  const absl::string_view advice = absl::StartsWith(name, "nodes/") ? "`pretext nodes` lists those there are"
                                                                    : "names look like nodes/local";
  return WithReason(absl::NotFoundError(absl::StrCat("there is no node ", Quoted(name), "; ", advice)),
                    "NODE_NOT_FOUND", {{"node", std::string(name)}});
}

absl::Status WrongState(const JobRecord& job, absl::string_view wanted, absl::string_view advice) {
  const std::string& state = v1::Job::State_Name(job.state);
  return WithReason(absl::FailedPreconditionError(absl::StrCat(job.name, " cannot be ", wanted, ": it is ",
                                                               state, advice.empty() ? "" : "; ", advice)),
                    "JOB_STATE", {{"job", job.name}, {"state", state}});
}

absl::Status Fenced(const std::string& what) { return WithReason(absl::AbortedError(what), "ATTEMPT_OVER"); }

absl::Status NodeTaken(const std::string& what) {
  return WithReason(absl::FailedPreconditionError(what), "NODE_TAKEN");
}

absl::Status NotWritten(absl::string_view why) {
  return WithReason(absl::UnavailableError(absl::StrCat("the journal cannot be written (", why,
                                                        "); nothing was changed: call again")),
                    "JOURNAL_NOT_WRITTEN");
}

absl::Status DiskRefuses(const absl::Status& why) {
  return WithReason(absl::UnavailableError(absl::StrCat(
                        "the coordinator cannot write to its disk (", CutBytes(why.message(), kMostOfAReason),
                        "); jobs go on, and their ranks keep what they have to tell until ",
                        absl::IsResourceExhausted(why) ? "there is room" : "it can")),
                    "DISK_REFUSES");
}

absl::Status NotLeading() {
  return WithReason(
      absl::UnavailableError(
          "another coordinator has taken over this state folder; this one is stopping: call again"),
      "NOT_LEADING");
}

}  // namespace pretext
