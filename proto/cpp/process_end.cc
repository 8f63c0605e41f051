#include "proto/cpp/process_end.h"

#include <sys/wait.h>

#include "absl/strings/str_cat.h"

namespace pretext {

absl::optional<int> WaitStatusIfEnded(pid_t pid) {
  int status = 0;
  if (waitpid(pid, &status, WNOHANG) != pid) return absl::nullopt;
  return status;
}

std::string DescribeEnd(int wait_status) {
  if (WIFSIGNALED(wait_status)) return absl::StrCat("was killed by signal ", WTERMSIG(wait_status));
  return absl::StrCat("ended with exit code ", WEXITSTATUS(wait_status));
}

}  // namespace pretext
