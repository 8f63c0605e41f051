#include "worker/checkpoint/checkpoint.h"

#include <ATen/core/grad_mode.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/proto_time.h"
#include "proto/cpp/sha256.h"
#include "proto/cpp/status_macros.h"
#include "worker/checkpoint/whole_file.h"
#include "worker/models/safetensors.h"

namespace pretext {
namespace {

namespace fs = std::filesystem;

constexpr char kManifest[] = "manifest.json";
constexpr char kExtension[] = ".safetensors";
constexpr char kTemporary[] = ".tmp-";  // folders that are no checkpoint, or none any more

std::string FolderOf(const std::string& output) { return output + "/checkpoints"; }

std::string NameOf(const CheckpointPosition& position) {
  return absl::StrFormat("%s-%010d", position.stage, position.step);
}

std::string TemporaryFolder(const std::string& folder, absl::string_view doing, absl::string_view name) {
  return absl::StrCat(folder, "/", kTemporary, doing, "-", name, "-", getpid());
}

// Names become files and folders, on other people's file systems too.
absl::Status CheckName(absl::string_view what, absl::string_view name) {
  if (!name.empty() && name[0] != '.' && !absl::StrContains(name, '/')) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("checkpoint: ", what, " cannot be called \"", name,
                   "\"; names are not empty, begin with no dot and hold no slash"));
}

// ---- writing ----

absl::StatusOr<CheckpointManifest> WriteFiles(const std::string& folder, const CheckpointState& state,
                                              absl::Time now) {
  CheckpointManifest manifest;
  manifest.position = state.position;
  manifest.created = now;
  manifest.facts = state.facts;
  for (const auto& [name, tensors] : state.files) {
    PRETEXT_RETURN_IF_ERROR(CheckName("a file", name));
    const std::string file = name + kExtension;
    Sha256 digest;
    const absl::Status written = WriteSafetensors(absl::StrCat(folder, "/", file), tensors, {}, &digest);
    if (absl::IsResourceExhausted(written)) return WithReason(written, "DISK_FULL");
    PRETEXT_RETURN_IF_ERROR(written);
    std::error_code error;
    const auto bytes = fs::file_size(absl::StrCat(folder, "/", file), error);
    if (error) return FileError("read the size of", absl::StrCat(folder, "/", file), error.value());
    manifest.files[file] = {static_cast<int64_t>(bytes), digest.HexDigest()};
  }
  return manifest;
}

// Gives `temporary` the name `path`. What was there under that name is afterwards at `temporary`.
absl::Status Publish(const std::string& temporary, const std::string& path) {
  if (std::rename(temporary.c_str(), path.c_str()) == 0) return absl::OkStatus();
  if (errno != EEXIST && errno != ENOTEMPTY) return FileError("rename to", path, errno);
  if (renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE) == 0) {
    return absl::OkStatus();
  }
  // Some network file systems cannot exchange two folders. The one that is replaced gives way first; until
  // the next line the older checkpoints must do.
  if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP) return FileError("rename to", path, errno);
  const std::string aside = temporary + "-replaced";
  if (std::rename(path.c_str(), aside.c_str()) != 0) return FileError("rename", path, errno);
  if (std::rename(temporary.c_str(), path.c_str()) != 0) return FileError("rename to", path, errno);
  if (std::rename(aside.c_str(), temporary.c_str()) != 0) return FileError("rename", aside, errno);
  return absl::OkStatus();
}

// What cannot be removed now, because it is open on a network file system, is left to the next time.
void Remove(const std::string& folder) {
  std::error_code ignored;
  fs::remove_all(folder, ignored);
}

void RemoveLeftovers(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> leftovers;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (absl::StartsWith(entry->path().filename().string(), kTemporary)) leftovers.push_back(entry->path());
  }
  for (const std::string& leftover : leftovers) Remove(leftover);
}

// The folder at `temporary` with everything in it, durable but for its name.
absl::StatusOr<v1::Checkpoint> WriteFolder(const std::string& temporary, const CheckpointState& state,
                                           absl::Time now) {
  if (mkdir(temporary.c_str(), 0777) != 0) return FileError("make the folder", temporary, errno);
  PRETEXT_ASSIGN_OR_RETURN(const CheckpointManifest manifest, WriteFiles(temporary, state, now));
  PRETEXT_ASSIGN_OR_RETURN(const std::string text, FormatManifest(manifest));
  PRETEXT_RETURN_IF_ERROR(WriteWholeFile(absl::StrCat(temporary, "/", kManifest), text));
  v1::Checkpoint checkpoint;
  checkpoint.set_stage(state.position.stage);
  checkpoint.set_step(state.position.step);
  checkpoint.set_epoch(state.position.epoch);
  checkpoint.set_attempt(state.position.attempt);
  int64_t bytes = static_cast<int64_t>(text.size());
  for (const auto& [name, file] : manifest.files) bytes += file.bytes;
  checkpoint.set_bytes(bytes);
  checkpoint.set_digest(Sha256Hex(text));
  *checkpoint.mutable_create_time() = ToTimestamp(now);
  return checkpoint;
}

// ---- reading ----

absl::Status Broken(const std::string& path, absl::string_view file, absl::string_view what) {
  return absl::DataLossError(absl::StrCat("checkpoint ", path, " is broken: ", file, ": ", what));
}

// NOT_FOUND: there is none, so that the folder is no checkpoint.
absl::StatusOr<CheckpointManifest> ReadManifest(const std::string& path) {
  const std::string manifest_path = absl::StrCat(path, "/", kManifest);
  std::ifstream file(manifest_path, std::ios::binary);
  if (!file) {
    if (errno == ENOENT || errno == ENOTDIR)
      return absl::NotFoundError(absl::StrCat(path, " has no ", kManifest));
    return FileError("open", manifest_path, errno);
  }
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  if (file.bad()) return FileError("read", manifest_path, errno);
  absl::StatusOr<CheckpointManifest> manifest = ParseManifest(text);
  if (!manifest.ok()) return Broken(path, kManifest, manifest.status().message());
  return manifest;
}

absl::StatusOr<std::map<std::string, at::Tensor>> ReadFile(const std::string& path, const std::string& name,
                                                           const CheckpointManifest::File& expected) {
  const std::string file_path = absl::StrCat(path, "/", name);
  std::error_code error;
  const auto bytes = fs::file_size(file_path, error);
  if (error == std::errc::no_such_file_or_directory) return Broken(path, name, "it is missing");
  if (error) return FileError("read the size of", file_path, error.value());
  if (static_cast<int64_t>(bytes) != expected.bytes) {
    return Broken(path, name, absl::StrCat("it has ", bytes, " bytes of ", expected.bytes));
  }
  PRETEXT_ASSIGN_OR_RETURN(const std::string digest, Sha256HexOfFile(file_path));
  if (digest != expected.sha256) return Broken(path, name, "it is altered: its digest does not fit");
  PRETEXT_ASSIGN_OR_RETURN(SafetensorsFile file, ReadSafetensors(file_path));
  return std::move(file.tensors);
}

// What PruneCheckpoints removes of `found`, which is sorted, furthest first.
std::vector<std::string> ChooseWhatGoes(const std::vector<FoundCheckpoint>& found,
                                        const CheckpointPosition& newest, int keep) {
  std::vector<std::string> paths;
  int kept = 0;
  std::set<int32_t> earlier_stages;
  for (const FoundCheckpoint& checkpoint : found) {
    bool stays = !IsFurther(checkpoint.position, newest);
    if (stays && checkpoint.position.stage_index < newest.stage_index) {
      stays = earlier_stages.insert(checkpoint.position.stage_index).second;
    } else if (stays) {
      stays = kept++ < keep;
    }
    if (!stays) paths.push_back(checkpoint.path);
  }
  return paths;
}

}  // namespace

CheckpointState Snapshot(const CheckpointState& state) {
  at::NoGradGuard no_grad;
  CheckpointState copy = state;
  for (auto& [file, tensors] : copy.files) {
    for (auto& [name, tensor] : tensors) {
      tensor = tensor.is_cpu() ? tensor.detach().clone() : tensor.detach().cpu();
    }
  }
  return copy;
}

absl::StatusOr<v1::Checkpoint> WriteCheckpoint(const std::string& output, const CheckpointState& state,
                                               absl::Time now) {
  PRETEXT_RETURN_IF_ERROR(CheckName("a stage", state.position.stage));
  const std::string folder = FolderOf(output), name = NameOf(state.position);
  const std::string path = absl::StrCat(folder, "/", name),
                    temporary = TemporaryFolder(folder, "write", name);
  PRETEXT_RETURN_IF_ERROR(MakeFolders(folder));
  RemoveLeftovers(folder);
  const auto remove_temporary = absl::MakeCleanup([&temporary] { Remove(temporary); });
  PRETEXT_ASSIGN_OR_RETURN(v1::Checkpoint checkpoint, WriteFolder(temporary, state, now));
  PRETEXT_RETURN_IF_ERROR(Publish(temporary, path));
  PRETEXT_RETURN_IF_ERROR(SyncFolder(folder));
  checkpoint.set_path(path);
  return checkpoint;
}

absl::StatusOr<std::vector<FoundCheckpoint>> ListCheckpoints(const std::string& output,
                                                             int32_t forgotten_attempts,
                                                             std::vector<std::string>* faults) {
  std::vector<FoundCheckpoint> found;
  const std::string folder = FolderOf(output);
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  if (error == std::errc::no_such_file_or_directory) return found;
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (absl::StartsWith(entry->path().filename().string(), ".")) continue;
    absl::StatusOr<CheckpointManifest> manifest = ReadManifest(entry->path());
    if (manifest.ok()) {
      if (manifest->position.attempt > forgotten_attempts) {
        found.push_back({std::move(manifest->position), entry->path()});
      }
    } else if (!absl::IsNotFound(manifest.status())) {
      faults->emplace_back(manifest.status().message());
    }
  }
  if (error) return FileError("list", folder, error.value());
  std::sort(found.begin(), found.end(), [](const FoundCheckpoint& a, const FoundCheckpoint& b) {
    return IsFurther(a.position, b.position) || (!IsFurther(b.position, a.position) && a.path < b.path);
  });
  std::sort(faults->begin(), faults->end());
  return found;
}

absl::StatusOr<CheckpointState> ReadCheckpoint(const std::string& path) {
  absl::StatusOr<CheckpointManifest> manifest = ReadManifest(path);
  if (absl::IsNotFound(manifest.status())) return Broken(path, kManifest, "it is missing");
  if (!manifest.ok()) return manifest.status();
  CheckpointState state;
  state.position = std::move(manifest->position);
  state.facts = std::move(manifest->facts);
  for (const auto& [name, file] : manifest->files) {
    const std::string stem = name.substr(0, name.size() - (sizeof(kExtension) - 1));
    PRETEXT_ASSIGN_OR_RETURN(state.files[stem], ReadFile(path, name, file));
  }
  return state;
}

absl::StatusOr<std::optional<CheckpointState>> ReadNewestCheckpoint(const std::vector<FoundCheckpoint>& found,
                                                                    std::vector<std::string>* faults) {
  for (const FoundCheckpoint& candidate : found) {
    absl::StatusOr<CheckpointState> state = ReadCheckpoint(candidate.path);
    if (state.ok()) return std::optional<CheckpointState>(*std::move(state));
    if (!absl::IsDataLoss(state.status())) return state.status();
    faults->emplace_back(state.status().message());
  }
  return std::optional<CheckpointState>();
}

absl::Status PruneCheckpoints(const std::string& output, const CheckpointPosition& newest, int keep) {
  std::vector<std::string> faults;  // broken folders stay, for people to look at
  PRETEXT_ASSIGN_OR_RETURN(const std::vector<FoundCheckpoint> found,
                           ListCheckpoints(output, /*forgotten_attempts=*/-1, &faults));
  for (const FoundCheckpoint& checkpoint : found) {
    if (checkpoint.position.attempt > newest.attempt) {
      return absl::FailedPreconditionError(
          absl::StrCat(checkpoint.path, " is of attempt ", checkpoint.position.attempt, ", and attempt ",
                       newest.attempt, " still writes beside it; checkpoints are not pruned"));
    }
  }
  for (const std::string& path : ChooseWhatGoes(found, newest, keep)) {
    // Out of sight first: a folder that is half removed must not be taken for a broken checkpoint.
    const std::string aside = TemporaryFolder(FolderOf(output), "remove", fs::path(path).filename().string());
    if (std::rename(path.c_str(), aside.c_str()) != 0) return FileError("remove", path, errno);
    Remove(aside);
  }
  return absl::OkStatus();
}

}  // namespace pretext
