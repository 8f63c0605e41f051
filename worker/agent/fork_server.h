#ifndef PRETEXT_WORKER_AGENT_FORK_SERVER_H_
#define PRETEXT_WORKER_AGENT_FORK_SERVER_H_

#include <sys/types.h>

#include <functional>

#include "pretext/v1/worker_service.pb.h"

namespace pretext {

// All a rank does, in a process of its own, from its assignment to its exit code. Begins with SIGTERM blocked
// and SIGPIPE ignored in its only thread, and with standard output and error going to its log.
using RankBody = std::function<int(const v1::RankAssignment& assignment)>;

// The zygote's whole life: forks a rank for each kStart it is sent and tells how each ends. Ends, with all
// its ranks, when `socket` closes or `agent`, its parent, dies. REQUIRES: the process has one thread. It
// starts no other, so that what it forks may.
[[noreturn]] void ServeForks(int socket, pid_t agent, const RankBody& body);

}  // namespace pretext

#endif  // PRETEXT_WORKER_AGENT_FORK_SERVER_H_
