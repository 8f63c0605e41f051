#ifndef PRETEXT_PROTO_CPP_VALIDATE_H_
#define PRETEXT_PROTO_CPP_VALIDATE_H_

#include "absl/strings/string_view.h"
#include "pretext/v1/job.pb.h"
#include "proto/cpp/error_details.h"

namespace pretext {

// Everything that can be said about a job without looking at its data. Clients call it before they send, the
// coordinator before it accepts: the same words in both places. Call it with the defaults filled in.

// Every fault of `spec`, in the order of its fields, with paths such as
// "stages[0].pretrain.tasks[1].moco.temperature". Each description says what would be right.
FieldViolations FindViolations(const v1::JobSpec& spec);

// As a status: OK, or INVALID_ARGUMENT with reason INVALID_SPEC and all faults.
absl::Status ValidateJobSpec(const v1::JobSpec& spec);

// Whether `name` may name a job or a stage: 1 to 63 letters, digits, '.', '_' and '-', the first a letter or
// a digit.
bool IsValidName(absl::string_view name);

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_VALIDATE_H_
