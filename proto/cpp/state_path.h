#ifndef PRETEXT_PROTO_CPP_STATE_PATH_H_
#define PRETEXT_PROTO_CPP_STATE_PATH_H_

#include <string>

#include "absl/strings/string_view.h"

namespace pretext {

// Where programs keep what outlives them, and the names there that several programs know. Pure.

// In a coordinator's state folder: locked by the coordinator that uses it (proto/cpp/file_lock.h), and the
// socket for people of this machine.
inline constexpr char kServerLock[] = "server.lock";
inline constexpr char kServerSocket[] = "server.sock";
// In an agent's: locked while the agent or one of its ranks lives.
inline constexpr char kAgentLock[] = "agent.lock";

// The folder `name` among this user's data: in `xdg_data_home` when that is absolute, else in
// `home`/.local/share.
std::string DataFolder(absl::string_view name, absl::string_view xdg_data_home, absl::string_view home);

// The state folder of this user's coordinator: `pretext_state` (the variable PRETEXT_STATE) when that is not
// empty, else the data folder "pretext".
std::string StateDirectory(absl::string_view pretext_state, absl::string_view xdg_data_home,
                           absl::string_view home);

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_STATE_PATH_H_
