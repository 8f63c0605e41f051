#ifndef PRETEXT_CLIENT_SESSION_LOCAL_PATHS_H_
#define PRETEXT_CLIENT_SESSION_LOCAL_PATHS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "client/session/command_context.h"
#include "pretext/v1/job.pb.h"
#include "proto/cpp/error_details.h"

namespace pretext {

// `path` from the root: below the working directory when it is relative, "~/" is the home directory. Links
// are left as they are. Empty stays empty.
std::string AbsolutePath(absl::string_view path, const CommandContext& context);

// All paths of a job from the root. Labels that are a relative path are looked for in the working directory,
// then beside the pictures.
void MakePathsAbsolute(const CommandContext& context, v1::JobSpec* spec);

// Every path to read that is not there on this machine, with the nearest name that is.
void FindMissingPaths(const v1::JobSpec& spec, FieldViolations* violations);

bool PathExists(const std::string& path);
bool IsFolder(const std::string& path);
// There is something in the folder `path`.
bool HoldsFiles(const std::string& path);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_SESSION_LOCAL_PATHS_H_
