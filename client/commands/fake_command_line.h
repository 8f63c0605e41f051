#ifndef PRETEXT_CLIENT_COMMANDS_FAKE_COMMAND_LINE_H_
#define PRETEXT_CLIENT_COMMANDS_FAKE_COMMAND_LINE_H_

#include <string>
#include <vector>

#include "client/commands/command_line.h"
#include "client/session/fake_context.h"

namespace pretext {

// A world in which commands can be typed. Thread-compatible.
class FakeCommandLine : public FakeContext {
 public:
  // Runs a command line; `out` and `err` hold what it wrote, and nothing older.
  int Run(const std::vector<std::string>& arguments) {
    ClearStreams();
    return RunCommandLine(arguments, context);
  }
};

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_FAKE_COMMAND_LINE_H_
