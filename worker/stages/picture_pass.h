#ifndef PRETEXT_WORKER_STAGES_PICTURE_PASS_H_
#define PRETEXT_WORKER_STAGES_PICTURE_PASS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/data/dataset.h"
#include "worker/train/job_run.h"

namespace pretext {

// What came of one pass over pictures, on every rank the same.
struct PictureRows {
  at::Tensor rows;                 // (N, D) float on the CPU, one a readable picture
  std::vector<int64_t> positions;  // of each row in the list that was asked for, ascending
};

struct PicturePass {
  const Dataset* dataset = nullptr;  // not owned
  std::vector<int64_t> indices;      // of the pictures asked for
  int image_size = 0;                // side they are shown with, pixels
  double max_broken_share = 0.01;
  // Pictures uint8 (N, S, S, C) on the run's device -> (N, D).
  std::function<at::Tensor(const at::Tensor& pictures)> compute;
  // How many pictures all ranks together have seen by about now.
  std::function<void(int64_t done)> tell;
};

// Computes a row of numbers for each picture, each seen once, nothing about it drawn: short side resized,
// centre cut. The ranks share the work; for an equal list and gang, batches are equal too. Broken pictures
// are left out and logged. DATA_LOSS: too many of them. CANCELLED: some rank was asked to stop; all return
// it.
absl::StatusOr<PictureRows> PassOverPictures(const JobRun& run, const PicturePass& pass);

// How many pictures of a side in pixels go through a network at once when nothing is kept for a gradient.
int64_t PassBatch(int image_size);

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_PICTURE_PASS_H_
