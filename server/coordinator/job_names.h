#ifndef PRETEXT_SERVER_COORDINATOR_JOB_NAMES_H_
#define PRETEXT_SERVER_COORDINATOR_JOB_NAMES_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace pretext {

// "jobs/7-xray-chest" for serial 7 and "X-Ray chest": lower-case letters, digits and single hyphens, at most
// 40 of them; "jobs/7" when nothing of the name is left.
std::string MakeJobName(int64_t serial, absl::string_view spec_name);

// What follows "jobs/"; the whole when it does not begin so.
absl::string_view JobId(absl::string_view job_name);

}  // namespace pretext

#endif  // PRETEXT_SERVER_COORDINATOR_JOB_NAMES_H_
