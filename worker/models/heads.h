#ifndef PRETEXT_WORKER_MODELS_HEADS_H_
#define PRETEXT_WORKER_MODELS_HEADS_H_

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>
#include <memory>

#include "worker/models/batch_norm.h"

namespace pretext {

// What turns a backbone's features into the vectors or scores a task compares. Fresh weights are drawn from
// LibTorch's CPU generator.
class ProjectionHead : public torch::nn::Module {
 public:
  // features (N, in) -> (N, out). Not normalised.
  virtual at::Tensor Forward(const at::Tensor& features) = 0;
  // One of its own with the same weights.
  virtual std::shared_ptr<ProjectionHead> Copy() const = 0;
};

// One linear layer: MoCo v1's head, and a classifier. Named "0" inside.
class LinearHead : public ProjectionHead {
 public:
  LinearHead(int in, int out);
  at::Tensor Forward(const at::Tensor& features) override;
  std::shared_ptr<ProjectionHead> Copy() const override;

 private:
  torch::nn::Linear linear_;
};

// Linear, ReLU, linear: MoCo v2's head (Chen et al. 2020; hidden = in there). Layers "0" and "2" inside.
class MlpHead : public ProjectionHead {
 public:
  MlpHead(int in, int hidden, int out);
  at::Tensor Forward(const at::Tensor& features) override;
  std::shared_ptr<ProjectionHead> Copy() const override;

 private:
  torch::nn::Linear first_, second_;
};

// Maximum and average over space, concatenated: (N, C, H, W) -> (N, 2C), maximum first.
at::Tensor ConcatPool(const at::Tensor& map);

// fastai's classification head: concat pool, batch-norm, dropout 0.25, linear 512 without bias, ReLU,
// batch-norm, dropout 0.5, linear. Linear layers start Kaiming normal. Names inside are fastai's positions in
// its Sequential: "2", "4", "6", "8".
class ClassificationHead : public torch::nn::Module {
 public:
  ClassificationHead(int map_channels, int classes);

  // map (N, C, H, W), the backbone's deepest -> logits (N, classes).
  at::Tensor Forward(const at::Tensor& map);

  // Chooses the dropout masks of the following Forward calls; call before each in training. Row i of the
  // batch gets the mask of row `first_row` + i of the global batch, so that masks depend neither on how
  // many ranks share a batch nor on where a run was interrupted.
  void SetStep(uint64_t seed, int64_t step, int64_t first_row = 0);

 private:
  at::Tensor Dropout(const at::Tensor& input, double probability, uint32_t layer) const;

  std::shared_ptr<GroupedBatchNorm> first_norm_, second_norm_;
  torch::nn::Linear first_, second_;
  uint64_t seed_ = 0;
  int64_t step_ = 0;
  int64_t first_row_ = 0;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_MODELS_HEADS_H_
