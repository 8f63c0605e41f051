#ifndef PRETEXT_WORKER_CHECKPOINT_CHECKPOINT_H_
#define PRETEXT_WORKER_CHECKPOINT_CHECKPOINT_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "pretext/v1/job.pb.h"
#include "worker/checkpoint/checkpoint_manifest.h"

namespace pretext {

// A checkpoint is a folder OUTPUT/checkpoints/{stage}-{step, ten digits} with *.safetensors files and a
// manifest.json that names them with sizes and SHA-256, written last. A folder without a manifest is none,
// and so is one whose name begins with a dot: it is being written or removed, or was when its process ended.

// Everything a resume needs. Tensors are named as in their files.
struct CheckpointState {
  CheckpointPosition position;
  std::map<std::string, std::map<std::string, at::Tensor>>
      files;                                        // "backbone" -> tensors, "optimizer" -> ...
  nlohmann::json facts = nlohmann::json::object();  // small values: data digest, world size
};

// Copies every tensor, to the CPU, so that training may go on while the copy is written. Training thread.
CheckpointState Snapshot(const CheckpointState& state);

// Writes below `output` and returns when all is durable; what is returned is for Reporter::AddCheckpoint (its
// `name` is left to the caller). A crash at any moment leaves either the whole checkpoint or none, and whole
// the one of the same name that it replaces. Removes what killed writers left half-done. One writer at a
// time. INVALID_ARGUMENT: a name or fact that cannot be written. RESOURCE_EXHAUSTED, reason DISK_FULL: no
// more room. FAILED_PRECONDITION: something else stands where its folder must be. UNAVAILABLE: the write
// failed. After an error nothing is left of it.
absl::StatusOr<v1::Checkpoint> WriteCheckpoint(const std::string& output, const CheckpointState& state,
                                               absl::Time now);

// What a look for checkpoints found.
struct FoundCheckpoint {
  CheckpointPosition position;
  std::string path;
};

// Those with a valid manifest, furthest (stage_index, then step) first. Attempts up to `forgotten_attempts`
// are left out. Each folder whose manifest is broken gets a sentence in `faults`. UNAVAILABLE: the folder
// cannot be listed; one that does not exist has no checkpoints.
absl::StatusOr<std::vector<FoundCheckpoint>> ListCheckpoints(const std::string& output,
                                                             int32_t forgotten_attempts,
                                                             std::vector<std::string>* faults);

// Reads and verifies every size and digest. DATA_LOSS: a file is missing, cut or altered; says which.
// UNAVAILABLE: it cannot be read at the moment.
absl::StatusOr<CheckpointState> ReadCheckpoint(const std::string& path);

// The first of `found` that is whole; nothing when none is. Each one that is not gets a sentence in `faults`.
// UNAVAILABLE is not taken for a loss: it is returned, so that a hiccup of a file system costs no progress.
absl::StatusOr<std::optional<CheckpointState>> ReadNewestCheckpoint(const std::vector<FoundCheckpoint>& found,
                                                                    std::vector<std::string>* faults);

// Keeps the newest `keep` >= 1 of the stage of `newest`, which was just written, and the last of each stage
// before it; removes the others. What is further than `newest` goes too: it is of an attempt that this one
// does not continue. FAILED_PRECONDITION, nothing removed: a later attempt writes here.
absl::Status PruneCheckpoints(const std::string& output, const CheckpointPosition& newest, int keep);

}  // namespace pretext

#endif  // PRETEXT_WORKER_CHECKPOINT_CHECKPOINT_H_
