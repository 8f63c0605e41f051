#ifndef PRETEXT_CLIENT_SUBMISSION_SUBMISSION_H_
#define PRETEXT_CLIENT_SUBMISSION_SUBMISSION_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/session/command_context.h"
#include "client/session/output_format.h"
#include "client/submission/field_places.h"
#include "pretext/v1/job.pb.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/spec_parsing.h"

namespace pretext {

// A job on its way to the coordinator.
struct Submission {
  v1::JobSpec spec;               // as it was written, with paths from the root
  std::vector<SpecFault> faults;  // found while it was read
  FieldPlaces places;
};

// Everything that is wrong with it, a line each, in the order of the text: what could not be read, what
// cannot work and, where the coordinator is the embedded one, paths that are not there. Empty: nothing was
// found.
std::vector<std::string> FindFaults(const Submission& submission, const CommandContext& context);

// Shows the faults of fields with which the coordinator refused the job, in the same form, on `context.err`
// and returns what the program ends with. A `status` that names no field is returned as it is. REQUIRES: not
// OK.
absl::StatusOr<int> ShowRefusal(const absl::Status& status, const FieldPlaces& places,
                                CommandContext& context);

struct SubmitOptions {
  enum class Then {
    kName,    // print its name and nothing else
    kDetach,  // print its name and how to see it
    kFollow,  // follow it to its end
  };
  Then then = Then::kFollow;
  OutputFormat format = OutputFormat::kTable;
  std::string request_id;  // empty: a fresh one
};

// Checks, creates and, if asked to, follows the job. Faults are written to `context.err`, all at once, and
// kExitUsage is returned; nothing is created then.
absl::StatusOr<int> Submit(const Submission& submission, const SubmitOptions& options,
                           CommandContext& context);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_SUBMISSION_SUBMISSION_H_
