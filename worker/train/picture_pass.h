#ifndef PRETEXT_WORKER_TRAIN_PICTURE_PASS_H_
#define PRETEXT_WORKER_TRAIN_PICTURE_PASS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/data/dataset.h"
#include "worker/train/run_job.h"

namespace pretext {

// What came of one pass over pictures, on every rank the same.
struct PictureRows {
  at::Tensor rows;                 // (N, D) float on the CPU, one a readable picture
  std::vector<int64_t> positions;  // of each row in the list that was asked for, ascending
};

// Computes a row of numbers for each of the pictures `indices` of `dataset`, each seen once, nothing about it
// drawn: short side resized, centre cut. The ranks share the work. `compute` takes pictures uint8
// (N, S, S, C) on the run's device and gives (N, D); for an equal list, batches are equal too. Broken
// pictures are left out and logged; DATA_LOSS: more than `max_broken_share` of them.
absl::StatusOr<PictureRows> PassOverPictures(const JobRun& run, const Dataset& dataset,
                                             const std::vector<int64_t>& indices, int image_size,
                                             double max_broken_share,
                                             const std::function<at::Tensor(const at::Tensor&)>& compute);

// How many pictures of a side in pixels go through a network at once when nothing is kept for a gradient.
int64_t PassBatch(int image_size);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_PICTURE_PASS_H_
