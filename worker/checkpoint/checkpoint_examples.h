#ifndef PRETEXT_WORKER_CHECKPOINT_CHECKPOINT_EXAMPLES_H_
#define PRETEXT_WORKER_CHECKPOINT_CHECKPOINT_EXAMPLES_H_

// Checkpoints for tests, and folders to put them in.

#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>

#include <cmath>
#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "worker/checkpoint/checkpoint.h"

namespace pretext {

// A folder of this test's own, not there yet.
inline std::string FreshOutput(const std::string& name) {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::string path =
      absl::StrCat(::testing::TempDir(), "/", test->test_suite_name(), ".", test->name(), ".", name);
  std::filesystem::remove_all(path);
  return path;
}

// `fill` tells one from another: every weight is that number.
inline CheckpointState MakeCheckpoint(int64_t step, int32_t attempt = 1, double fill = 0,
                                      int stage_index = 0) {
  CheckpointState state;
  state.position = {stage_index == 0 ? "pretrain" : "finetune", stage_index, step, 0, attempt, "digest"};
  state.facts = {{"world_size", 2}};
  state.files["backbone"] = {{"conv1.weight", at::full({4, 3, 3, 3}, fill)},
                             {"bn1.weight", at::full({4}, fill)}};
  state.files["optimizer"] = {{"conv1.weight.momentum_buffer", at::full({4, 3, 3, 3}, -fill)}};
  return state;
}

// What MakeCheckpoint filled a whole checkpoint with; NaN when its tensors disagree.
inline double FillOf(const CheckpointState& state) {
  const double fill = state.files.at("backbone").at("bn1.weight")[0].item<double>();
  const CheckpointState want = MakeCheckpoint(0, 0, fill);
  for (const auto& [file, tensors] : want.files) {
    for (const auto& [name, tensor] : tensors) {
      if (!at::equal(state.files.at(file).at(name), tensor)) return std::nan("");
    }
  }
  return fill;
}

inline int CountTemporaryFolders(const std::string& output) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(output + "/checkpoints")) {
    count += absl::StartsWith(entry.path().filename().string(), ".");
  }
  return count;
}

}  // namespace pretext

#endif  // PRETEXT_WORKER_CHECKPOINT_CHECKPOINT_EXAMPLES_H_
