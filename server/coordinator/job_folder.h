#ifndef PRETEXT_SERVER_COORDINATOR_JOB_FOLDER_H_
#define PRETEXT_SERVER_COORDINATOR_JOB_FOLDER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace pretext {

// The folder a job without an output of its own writes to: STATE/jobs/{id}.
std::string OwnJobFolder(absl::string_view state_directory, absl::string_view job_name);

// Removes `output` with all in it if it is OwnJobFolder of the job; folders elsewhere belong to people and
// stay. It is first moved to STATE/trash, so that what a crash leaves half removed never looks like a job's.
absl::Status RemoveOwnJobFolder(absl::string_view state_directory, absl::string_view job_name,
                                absl::string_view output);

// Finishes removals that a crash cut short.
absl::Status EmptyTrash(absl::string_view state_directory);

}  // namespace pretext

#endif  // PRETEXT_SERVER_COORDINATOR_JOB_FOLDER_H_
