#ifndef PRETEXT_SERVER_RPC_JOB_QUERY_H_
#define PRETEXT_SERVER_RPC_JOB_QUERY_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pretext/v1/job.pb.h"
#include "pretext/v1/job_service.pb.h"

namespace pretext {

// A parsed filter: terms joined by AND, all of which must hold. Immutable.
//
//   filter = [term {"AND" term}]     term = field operator value     operator = "=" "!=" "<" "<=" ">" ">="
//   field  = "state" | "name" | "priority" | "create_time" | "labels." key
//   value  = a word, or "text in double quotes" in which \ takes the next character as it is
//
// `state` and labels know = and != only. `name` means the name in the spec; = and != take jobs/{id} too.
// Times are RFC 3339 or a date. A label that is not there equals the empty text.
class JobFilter {
 public:
  // INVALID_ARGUMENT: what is wrong, at which column, and what was perhaps meant.
  static absl::StatusOr<JobFilter> Parse(absl::string_view text);
  bool Matches(const v1::Job& job) const;

 private:
  std::vector<std::function<bool(const v1::Job&)>> terms_;
};

// An order of jobs in which no two are equal: the job's name decides last.
class JobOrder {
 public:
  // "create_time" (also for the empty text, then newest first), "priority" or "name"; " desc" may follow.
  static absl::StatusOr<JobOrder> Parse(absl::string_view text);
  bool Before(const v1::Job& a, const v1::Job& b) const;

 private:
  enum class Key { kCreateTime, kPriority, kName };
  Key key_ = Key::kCreateTime;
  bool descending_ = true;
};

// The page of `jobs` that `request` asks for. A token carries the last job's place in the order and the
// query's digest, so that pages neither repeat nor skip a job when others come and go. INVALID_ARGUMENT:
// filter, order or page size cannot be, or the token belongs to another query.
absl::StatusOr<v1::ListJobsResponse> SelectJobs(std::vector<v1::Job> jobs,
                                                const v1::ListJobsRequest& request);

}  // namespace pretext

#endif  // PRETEXT_SERVER_RPC_JOB_QUERY_H_
