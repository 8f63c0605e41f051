#include "client/session/find_job.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/cpp/nearest_name.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

constexpr int kPageSize = 500;
constexpr size_t kJobsShown = 5;

// "7" of "jobs/7-xray".
absl::string_view SerialOf(absl::string_view name) {
  name = absl::StripPrefix(name, "jobs/");
  return name.substr(0, name.find('-'));
}

absl::Status SeveralJobs(const std::string& text, const std::vector<const v1::Job*>& found) {
  std::string names;
  for (size_t i = 0; i < std::min(found.size(), kJobsShown); ++i) {
    absl::StrAppend(&names, i > 0 ? ", " : "", found[i]->name(), " (", v1::Job::State_Name(found[i]->state()),
                    ")");
  }
  if (found.size() > kJobsShown) absl::StrAppend(&names, " and ", found.size() - kJobsShown, " more");
  return absl::InvalidArgumentError(
      absl::StrCat(found.size(), " jobs are named '", text, "': ", names, "; say which"));
}

absl::Status NoSuchJob(const std::string& text, const std::vector<v1::Job>& jobs) {
  std::vector<std::string> names;
  for (const v1::Job& job : jobs) {
    names.push_back(job.name());
    names.emplace_back(absl::StripPrefix(job.name(), "jobs/"));
    names.push_back(job.spec().name());
  }
  const std::string nearest = NearestName(text, names);
  std::string advice = "; `pretext jobs` lists those there are";
  if (jobs.empty()) advice = "; there are none yet";
  if (!nearest.empty()) advice = absl::StrCat("; did you mean ", nearest, "?");
  return absl::NotFoundError(absl::StrCat("there is no job '", text, "'", advice));
}

}  // namespace

absl::StatusOr<std::vector<v1::Job>> ListAllJobs(const std::string& filter, const std::string& order_by,
                                                 CoordinatorClient* client) {
  v1::ListJobsRequest request;
  request.set_filter(filter);
  request.set_order_by(order_by);
  request.set_page_size(kPageSize);
  std::vector<v1::Job> jobs;
  do {
    PRETEXT_ASSIGN_OR_RETURN(v1::ListJobsResponse page, client->ListJobs(request));
    for (v1::Job& job : *page.mutable_jobs()) jobs.push_back(std::move(job));
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return jobs;
}

absl::StatusOr<v1::Job> FindJob(const std::string& text, CoordinatorClient* client) {
  const std::string name = absl::StartsWith(text, "jobs/") ? text : absl::StrCat("jobs/", text);
  absl::StatusOr<v1::Job> job = client->GetJob(name);
  if (job.ok() || !absl::IsNotFound(job.status())) return job;
  PRETEXT_ASSIGN_OR_RETURN(const std::vector<v1::Job> jobs, ListAllJobs("", "", client));
  std::vector<const v1::Job*> named, numbered;
  for (const v1::Job& candidate : jobs) {
    if (candidate.spec().name() == text) named.push_back(&candidate);
    if (SerialOf(candidate.name()) == absl::StripPrefix(text, "jobs/")) numbered.push_back(&candidate);
  }
  if (numbered.size() == 1) return *numbered.front();
  if (named.size() == 1) return *named.front();
  if (named.size() > 1) return SeveralJobs(text, named);
  return NoSuchJob(text, jobs);
}

}  // namespace pretext
