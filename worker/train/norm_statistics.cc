#include "worker/train/norm_statistics.h"

#include "worker/models/batch_norm.h"

namespace pretext {

std::vector<at::Tensor> NormStatistics(torch::nn::Module& module) {
  std::vector<at::Tensor> statistics;
  module.apply([&statistics](torch::nn::Module& part) {
    if (auto* norm = part.as<GroupedBatchNorm>()) {
      statistics.push_back(norm->running_mean);
      statistics.push_back(norm->running_var);
    }
  });
  return statistics;
}

}  // namespace pretext
