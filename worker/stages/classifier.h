#ifndef PRETEXT_WORKER_STAGES_CLASSIFIER_H_
#define PRETEXT_WORKER_STAGES_CLASSIFIER_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "worker/models/heads.h"
#include "worker/models/weights.h"

namespace pretext {

// What turns a backbone's deepest map into scores of classes: fastai's head, or one linear layer on the
// averaged map, which is what "linear" means. Fresh weights are drawn from LibTorch's CPU generator.
class Classifier {
 public:
  enum class Kind { kFastai, kLinear };
  Classifier(Kind kind, int map_channels, int classes);

  // map (N, C, H, W) -> (N, classes). In training, `seed` and `step` choose the dropout masks and row i gets
  // that of row `first_row` + i of the global batch.
  at::Tensor Logits(const at::Tensor& map, uint64_t seed, int64_t step, int64_t first_row);

  torch::nn::Module& module();

  // Under the names it is exported by: torchvision's "fc." for the linear layer, else "head.".
  StateDict ExportedTensors();

 private:
  std::shared_ptr<ClassificationHead> fastai_;
  std::shared_ptr<LinearHead> linear_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_CLASSIFIER_H_
