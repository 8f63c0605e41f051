#include "client/submission/submission.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/following/follow_job.h"
#include "client/render/job_feed.h"
#include "client/render/message_text.h"
#include "client/render/plain_text.h"
#include "client/session/exit_codes.h"
#include "client/session/local_paths.h"
#include "client/submission/fitting.h"
#include "proto/cpp/defaults.h"
#include "proto/cpp/status_macros.h"
#include "proto/cpp/validate.h"

namespace pretext {
namespace {

// Whether a fault of reading explains why `field` looks wrong: it is of the field, or of something in it.
bool IsExplained(const std::string& field, const std::vector<SpecFault>& faults) {
  return std::any_of(faults.begin(), faults.end(), [&](const SpecFault& fault) {
    return fault.path.empty() || fault.path == field || absl::StartsWith(fault.path, field + ".") ||
           absl::StartsWith(fault.path, field + "[");
  });
}

void ShowFaults(const std::vector<std::string>& faults, CommandContext& context) {
  for (const std::string& fault : faults) *context.err << fault << "\n";
  context.err->flush();
}

}  // namespace

std::vector<std::string> FindFaults(const Submission& submission, const CommandContext& context) {
  std::vector<std::pair<SourcePlace, std::string>> found;
  for (const SpecFault& fault : submission.faults) {
    found.emplace_back(
        fault.place, absl::StrCat(submission.places.Describe(fault.place, fault.path), ": ", fault.message));
  }
  v1::JobSpec resolved = submission.spec;
  ApplyDefaults(&resolved);
  FieldViolations violations = FindViolations(resolved);
  if (context.server.empty()) FindMissingPaths(submission.spec, &violations);
  for (const FieldViolation& violation : violations.all()) {
    if (IsExplained(violation.field, submission.faults)) continue;
    found.emplace_back(
        submission.places.PlaceOf(violation.field),
        absl::StrCat(submission.places.Describe(violation.field), ": ", violation.description));
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::make_pair(a.first.line, a.first.column) < std::make_pair(b.first.line, b.first.column);
  });
  std::vector<std::string> lines;
  for (auto& [place, line] : found) lines.push_back(std::move(line));
  return lines;
}

absl::StatusOr<int> ShowRefusal(const absl::Status& status, const FieldPlaces& places,
                                CommandContext& context) {
  const std::vector<FieldViolation> violations = GetFieldViolations(status);
  if (violations.empty()) return status;
  std::vector<std::string> lines;
  for (const FieldViolation& violation : violations)
    lines.push_back(absl::StrCat(places.Describe(violation.field), ": ", violation.description));
  ShowFaults(lines, context);
  return ExitCodeFor(status);
}

absl::StatusOr<int> Submit(const Submission& submission, const SubmitOptions& options,
                           CommandContext& context) {
  const std::vector<std::string> faults = FindFaults(submission, context);
  if (!faults.empty()) {
    ShowFaults(faults, context);
    return kExitUsage;
  }
  PRETEXT_ASSIGN_OR_RETURN(const Reached coordinator, context.reach(context, kCallPatience));
  v1::CreateJobRequest request;
  *request.mutable_spec() = submission.spec;
  request.set_request_id(options.request_id);
  const absl::StatusOr<v1::Job> job = coordinator.client->CreateJob(request);
  if (!job.ok()) return ShowRefusal(job.status(), submission.places, context);
  if (options.then == SubmitOptions::Then::kName) {
    *context.out << job->name() << std::endl;
    WarnIfItCannotStart(*job, coordinator, context);
    return kExitOk;
  }
  if (options.format == OutputFormat::kTable) {
    *context.out << job->name() << " submitted; results go to " << OneLine(job->output()) << std::endl;
  } else if (options.then == SubmitOptions::Then::kDetach) {
    *context.out << (options.format == OutputFormat::kYaml ? MessageToYaml(*job) : MessageToJson(*job))
                 << std::flush;
  }
  if (options.then == SubmitOptions::Then::kFollow) return FollowJob(job->name(), options.format, context);
  WarnIfItCannotStart(*job, coordinator, context);
  if (options.format == OutputFormat::kTable)
    *context.out << "To see it: pretext watch " << job->name() << std::endl;
  return kExitOk;
}

}  // namespace pretext
