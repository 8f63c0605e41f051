#ifndef PRETEXT_PROTO_CPP_PROCESS_END_H_
#define PRETEXT_PROTO_CPP_PROCESS_END_H_

#include <sys/types.h>

#include <string>

#include "absl/types/optional.h"

namespace pretext {

// How a child of this process has ended, as waitpid(2) puts it; nothing while it runs. A child is asked after
// until it has ended, then no more.
absl::optional<int> WaitStatusIfEnded(pid_t pid);

// "was killed by signal 9", "ended with exit code 3".
std::string DescribeEnd(int wait_status);

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_PROCESS_END_H_
