#ifndef PRETEXT_WORKER_AGENT_AGENT_LOCK_H_
#define PRETEXT_WORKER_AGENT_AGENT_LOCK_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proto/cpp/clock.h"

namespace pretext {

// Locks FOLDER/agent.lock, by which coordinators know that an agent lives, and writes this process's id into
// it. The lock lasts until this process and all that it forks from now on are gone: so no two agents' ranks
// run side by side. Waits up to `patience` for those of an agent that has just died. ALREADY_EXISTS: another
// agent holds it. UNAVAILABLE: the file cannot be made.
absl::Status TakeAgentLock(const std::string& folder, absl::Duration patience, Clock* clock);

}  // namespace pretext

#endif  // PRETEXT_WORKER_AGENT_AGENT_LOCK_H_
