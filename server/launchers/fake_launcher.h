#ifndef PRETEXT_SERVER_LAUNCHERS_FAKE_LAUNCHER_H_
#define PRETEXT_SERVER_LAUNCHERS_FAKE_LAUNCHER_H_

#include "server/launchers/launcher.h"

namespace pretext {

// Starts nothing. Counts its calls and answers as told. Tests only.
class FakeLauncher final : public Launcher {
 public:
  absl::Status EnsureAgents(const ClusterState&) override {
    ++calls;
    return answer;
  }

  int calls = 0;
  absl::Status answer;
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_LAUNCHERS_FAKE_LAUNCHER_H_
