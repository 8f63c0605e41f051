#ifndef PRETEXT_CLIENT_SESSION_FIND_JOB_H_
#define PRETEXT_CLIENT_SESSION_FIND_JOB_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/coordinator_client/coordinator_client.h"
#include "pretext/v1/job.pb.h"

namespace pretext {

// Every job that matches, page after page.
absl::StatusOr<std::vector<v1::Job>> ListAllJobs(const std::string& filter, const std::string& order_by,
                                                 CoordinatorClient* client);

// The job a person means by "jobs/7-xray", "7-xray", "7" or, when only one job has it, the name in its
// specification. NOT_FOUND with the nearest names; INVALID_ARGUMENT when several jobs have the name.
absl::StatusOr<v1::Job> FindJob(const std::string& text, CoordinatorClient* client);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_SESSION_FIND_JOB_H_
