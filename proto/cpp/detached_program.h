#ifndef PRETEXT_PROTO_CPP_DETACHED_PROGRAM_H_
#define PRETEXT_PROTO_CPP_DETACHED_PROGRAM_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace pretext {

struct DetachedProgram {
  std::vector<std::string> words;  // its path, then its arguments
  std::string folder;              // it works there; empty: where this program does
  std::string log;                 // what it says is appended to this file
  // "NAME=VALUE": it gets this program's environment and, where a name is not set there, these.
  std::vector<std::string> environment;
};

// Starts a program that outlives this one: in a session of its own, without this program's files and signals.
// A log of more than 16 MiB becomes LOG.1 first, so that a program that ends again and again does not fill
// the disk. Returns its process id; proto/cpp/process_end.h tells when and how it ends. UNAVAILABLE: it
// cannot be started.
absl::StatusOr<pid_t> StartDetached(DetachedProgram program);

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_DETACHED_PROGRAM_H_
