#ifndef PRETEXT_SERVER_STATE_FOLDER_H_
#define PRETEXT_SERVER_STATE_FOLDER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pretext {

// Reason (proto/cpp/error_details.h) of the error that another process holds the folder.
inline constexpr char kStateInUse[] = "STATE_IN_USE";

// The folder a coordinator keeps everything in, held for it alone while this object lives.
//
//   server.lock      locked by the coordinator that uses the folder; holds its process id
//   server.sock      for people, worker.sock for agents and ranks
//   journal.sqlite   what has happened, telemetry.sqlite what was measured
//   jobs/{id}/       outputs of jobs that name none; trash/ those of deleted jobs, on their way out
//   agent/           of the agent on this machine: agent.lock, agent.log
class StateFolder {
 public:
  // Makes the folder, for this user alone, when it is missing. FAILED_PRECONDITION, kStateInUse: another
  // process holds it; the message names its id. UNAVAILABLE: it cannot be made or written.
  static absl::StatusOr<std::unique_ptr<StateFolder>> Hold(const std::string& path);
  ~StateFolder();
  StateFolder(const StateFolder&) = delete;
  StateFolder& operator=(const StateFolder&) = delete;

  // The real, absolute path.
  const std::string& path() const { return path_; }
  std::string Path(absl::string_view name) const;

 private:
  StateFolder(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  const std::string path_;
  const int lock_;  // open file, locked
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_STATE_FOLDER_H_
