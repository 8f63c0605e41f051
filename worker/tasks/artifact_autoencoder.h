#ifndef PRETEXT_WORKER_TASKS_ARTIFACT_AUTOENCODER_H_
#define PRETEXT_WORKER_TASKS_ARTIFACT_AUTOENCODER_H_

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "worker/models/batch_norm.h"

namespace pretext {

// Side of the code of a picture: the picture's, halved (rounded up) up to four times as long as four cells a
// side are left.
int64_t CodeSide(int side);

// The autoencoder of spot_artifacts (Jenni & Favaro 2018). Pictures are (B, C, side, side) in -1 .. 1. The
// encoder is a 3 x 3 convolution to `width` channels and four layers, each with twice the channels: 2 x 2 of
// stride 2 while the map is halved, 1 x 1 after, so that a cell of the code says little of what lies beside
// it. The decoder goes back by bilinear enlargement and 3 x 3 convolutions. Batch-norm and leaky ReLU after
// each but the last, which is followed by tanh.
class ArtifactAutoencoder : public torch::nn::Module {
 public:
  ArtifactAutoencoder(int side, int channels, int width);

  // Pictures -> code (B, 16 * width, CodeSide(side), CodeSide(side)).
  at::Tensor Encode(const at::Tensor& pictures);
  // The pictures of a code.
  at::Tensor Decode(at::Tensor code);

  // Decode in steps: map 0 is the code, map i + 1 is DecodeLayer(i, map i), and the last becomes the picture.
  int maps() const { return static_cast<int>(sides_.size()); }
  int64_t map_channels(int map) const;
  at::Tensor DecodeLayer(int layer, const at::Tensor& map);
  at::Tensor DecodePicture(const at::Tensor& map);

 private:
  int width_;
  std::vector<int64_t> sides_;  // of the encoder's maps, large to small
  std::vector<torch::nn::Conv2d> encoders_, decoders_;
  std::vector<std::shared_ptr<GroupedBatchNorm>> encoder_norms_, decoder_norms_;
  torch::nn::Conv2d picture_;
};

// What patches an autoencoder's decoder: on each of its maps, the code included, a residual block that reads
// the map and which cells were kept, two 3 x 3 convolutions with leaky ReLU between them, and changes the map
// only where cells were dropped. Starts by changing nothing.
class RepairNetwork : public torch::nn::Module {
 public:
  explicit RepairNetwork(const ArtifactAutoencoder& autoencoder);

  // code of which cells were dropped (DropCells), kept (B, 1, h, w) 1 or 0 -> pictures (B, C, side, side).
  // With every cell kept the same bits as autoencoder.Decode.
  at::Tensor Decode(ArtifactAutoencoder& autoencoder, const at::Tensor& code, const at::Tensor& kept);

 private:
  at::Tensor Repair(int block, const at::Tensor& map, const at::Tensor& kept);

  std::vector<torch::nn::Conv2d> first_, second_;  // of each block
};

// code (B, C, h, w), kept (B, 1, h, w) 1 or 0 -> the code with each dropped cell, all its channels, replaced
// by the mean of the 3 x 3 cells around it, those beyond the edge left out.
at::Tensor DropCells(const at::Tensor& code, const at::Tensor& kept);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_ARTIFACT_AUTOENCODER_H_
