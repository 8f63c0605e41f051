#ifndef PRETEXT_CLIENT_SUBMISSION_JOB_FILE_H_
#define PRETEXT_CLIENT_SUBMISSION_JOB_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/session/command_context.h"
#include "client/submission/submission.h"

namespace CLI {
class App;
}

namespace pretext {

// A job file on the command line, and what changes it.
struct JobFileOptions {
  std::string file;  // "-" is standard input
  std::string name;
  std::string out;
  std::vector<std::string> sets;
};

void AddJobFileOptions(CLI::App* app, JobFileOptions* options);

// Reads the file and applies the options. Relative paths in it are taken from the working directory.
// NOT_FOUND: it cannot be read; INVALID_ARGUMENT: an option is wrong. Faults of the text are in the result.
absl::StatusOr<Submission> ReadJobFile(const JobFileOptions& options, const CommandContext& context);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_SUBMISSION_JOB_FILE_H_
