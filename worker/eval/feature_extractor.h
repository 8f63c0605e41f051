#ifndef PRETEXT_WORKER_EVAL_FEATURE_EXTRACTOR_H_
#define PRETEXT_WORKER_EVAL_FEATURE_EXTRACTOR_H_

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <vector>

#include "worker/models/backbone.h"

namespace pretext {

// A frozen backbone as a function from pictures to features. While it lives the backbone is in evaluation
// mode (running statistics, no gradient); its destructor gives the mode back. One thread.
class FeatureExtractor {
 public:
  // `mean` and `std` of each channel, of values scaled to 0 .. 1. The backbone is on `device`.
  FeatureExtractor(Backbone backbone, std::vector<double> mean, std::vector<double> std, c10::Device device);
  ~FeatureExtractor();
  FeatureExtractor(const FeatureExtractor&) = delete;
  FeatureExtractor& operator=(const FeatureExtractor&) = delete;

  // images uint8 (N, H, W, C) on any device -> (N, feature_size()) float on the CPU. A picture's features do
  // not depend on the others of its batch.
  at::Tensor Extract(const at::Tensor& images) const;

  // The same from each of the backbone's maps, averaged over space: shallow to deep, (N, C_i). For finding
  // the layer that serves best: predictive tasks peak before the last.
  std::vector<at::Tensor> ExtractLayers(const at::Tensor& images) const;

  int feature_size() const { return backbone_->feature_size(); }

 private:
  Backbone backbone_;
  std::vector<double> mean_, std_;
  c10::Device device_;
  bool was_training_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_EVAL_FEATURE_EXTRACTOR_H_
