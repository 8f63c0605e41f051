#ifndef PRETEXT_WORKER_TRAIN_CHECKPOINT_H_
#define PRETEXT_WORKER_TRAIN_CHECKPOINT_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "pretext/v1/job.pb.h"

namespace pretext {

// A checkpoint is a folder OUTPUT/checkpoints/{stage}-{step, ten digits} with *.safetensors files and a
// manifest.json that names them with sizes and SHA-256, written last. A folder without a manifest is none.

// Where in a job a checkpoint was taken.
struct CheckpointPosition {
  std::string stage;
  int32_t stage_index = 0;
  int64_t step = 0;  // optimiser steps done in the stage
  int32_t epoch = 0;
  int32_t attempt = 0;
  std::string job_uid_digest;  // ties it to the spec: SHA-256 of the job's resolved specification
};

// Everything a resume needs. Tensors are named as in their files.
struct CheckpointState {
  CheckpointPosition position;
  std::map<std::string, std::map<std::string, at::Tensor>>
      files;                                        // "backbone" -> tensors, "optimizer" -> ...
  nlohmann::json facts = nlohmann::json::object();  // small values: data digest, world size
};

// Copies every tensor, so that training may go on while the copy is written. Training thread.
CheckpointState Snapshot(const CheckpointState& state);

// Writes below `output` and returns when all is durable; what is returned is for Reporter::AddCheckpoint (its
// `name` is left to the caller). A crash at any moment leaves either the whole checkpoint or none.
// RESOURCE_EXHAUSTED: the disk is full. UNAVAILABLE: the write failed.
absl::StatusOr<v1::Checkpoint> WriteCheckpoint(const std::string& output, const CheckpointState& state);

// What a look for checkpoints found.
struct FoundCheckpoint {
  CheckpointPosition position;
  std::string path;
};

// Those with a readable manifest, furthest (stage_index, then step) first. Attempts up to
// `forgotten_attempts` are left out.
std::vector<FoundCheckpoint> ListCheckpoints(const std::string& output, int32_t forgotten_attempts);

// Reads and verifies every digest. DATA_LOSS: a file is missing, cut or altered; says which.
absl::StatusOr<CheckpointState> ReadCheckpoint(const std::string& path);

// Removes all but the newest `keep` of each stage that is not finished and the last of each finished one.
absl::Status PruneCheckpoints(const std::string& output, int keep);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_CHECKPOINT_H_
