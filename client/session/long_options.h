#ifndef PRETEXT_CLIENT_SESSION_LONG_OPTIONS_H_
#define PRETEXT_CLIENT_SESSION_LONG_OPTIONS_H_

#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace pretext {

// "--name" of every option of `command` that has such a one.
std::vector<std::string> LongOptions(const CLI::App& command);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_SESSION_LONG_OPTIONS_H_
