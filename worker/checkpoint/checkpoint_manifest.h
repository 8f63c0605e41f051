#ifndef PRETEXT_WORKER_CHECKPOINT_CHECKPOINT_MANIFEST_H_
#define PRETEXT_WORKER_CHECKPOINT_CHECKPOINT_MANIFEST_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

namespace pretext {

// Where in a job a checkpoint was taken.
struct CheckpointPosition {
  std::string stage;
  int32_t stage_index = 0;
  int64_t step = 0;  // optimiser steps done in the stage
  int32_t epoch = 0;
  int32_t attempt = 0;
  std::string job_digest;  // DigestOfJob: ties it to what the job computes
};

// Whether `a` was taken later in the job than `b`, whatever the attempt.
bool IsFurther(const CheckpointPosition& a, const CheckpointPosition& b);

// What a checkpoint's manifest.json says.
struct CheckpointManifest {
  struct File {
    int64_t bytes = 0;
    std::string sha256;
  };

  CheckpointPosition position;
  absl::Time created;
  nlohmann::json facts = nlohmann::json::object();
  std::map<std::string, File> files;  // by name in the folder: "backbone.safetensors"
};

// As JSON text. Equal manifests give equal bytes, and manifests that differ in `created` alone differ in that
// line alone: the text carries a digest of all the rest. INVALID_ARGUMENT: the facts hold what JSON cannot, a
// number that is not finite or text that is not UTF-8.
absl::StatusOr<std::string> FormatManifest(const CheckpointManifest& manifest);

// DATA_LOSS, saying what is wrong: the text is cut or altered, or another program's.
absl::StatusOr<CheckpointManifest> ParseManifest(absl::string_view text);

}  // namespace pretext

#endif  // PRETEXT_WORKER_CHECKPOINT_CHECKPOINT_MANIFEST_H_
