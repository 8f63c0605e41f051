#ifndef PRETEXT_SERVER_OPTIONS_H_
#define PRETEXT_SERVER_OPTIONS_H_

#include <string>
#include <vector>

#include "absl/time/time.h"

namespace pretext {

// What the command line of pretext-server says; `pretext-server --help` explains each.
struct ServerOptions {
  std::string state_directory;             // absolute
  std::vector<std::string> listen;         // for people; empty: unix:STATE/server.sock
  std::vector<std::string> worker_listen;  // for agents and ranks; empty: unix:STATE/worker.sock
  std::string launcher = "local";          // server/launchers/registry.h
  std::string worker_binary;               // empty: found beside this program or in search_path
  std::string search_path;                 // as $PATH
  std::string node = "nodes/local";        // of the agent that the local launcher starts
  int cpu_slots = 0;                       // of that agent; 0: it decides
  absl::Duration exit_when_idle = absl::InfiniteDuration();
  absl::Duration lease = absl::Seconds(60);  // of agents
  bool stop_agents = false;                  // tell agents to exit before this program does
  std::string ready_file;                    // gets the addresses once they can be called; empty: none
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_OPTIONS_H_
