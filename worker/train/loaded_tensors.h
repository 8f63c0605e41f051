#ifndef PRETEXT_WORKER_TRAIN_LOADED_TENSORS_H_
#define PRETEXT_WORKER_TRAIN_LOADED_TENSORS_H_

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <vector>

#include "worker/data/batch_layout.h"
#include "worker/data/batch_loader.h"

namespace pretext {

// A loaded batch as tensors on `device`, one a field of `layout`: (B, ...) of the field's type. On a CPU they
// use the loader's memory, which stays theirs until the last of them is gone.
std::vector<at::Tensor> ToTensors(const LoadedBatch& batch, const BatchLayout& layout, c10::Device device);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_LOADED_TENSORS_H_
