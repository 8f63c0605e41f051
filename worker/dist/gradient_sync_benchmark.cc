// What exchanging gradients costs a training step: two ranks on this machine, convolutions of the sizes of
// ResNet-18's (He et al. 2016; 46 MB of gradients), a small batch.
//
//   bazel run //worker/dist:gradient_sync_benchmark
//
// Prints the median step of each way: no exchange, one message after the backward pass, buckets within it.

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/relu.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <vector>

#include "proto/cpp/clock.h"
#include "worker/dist/process_gang.h"
#include "worker/dist/solo_process_group.h"

namespace pretext {
namespace {

struct ConvolutionStack {
  ConvolutionStack() {
    Add(64, 3, 7, 2);
    for (int i = 0; i < 4; ++i) Add(64, 64, 3, 1);
    for (const int64_t channels : {128, 256, 512}) {
      Add(channels, channels / 2, 3, 2);
      for (int i = 0; i < 3; ++i) Add(channels, channels, 3, 1);
    }
    weights.push_back(at::randn({512, 1000}).mul(0.01).requires_grad_(true));
  }

  at::Tensor Loss(at::Tensor x) const {
    for (size_t i = 0; i < strides.size(); ++i) {
      x = at::relu(at::conv2d(x, weights[i], {}, strides[i], weights[i].size(2) / 2));
    }
    return at::matmul(x.mean({2, 3}), weights.back()).pow(2).mean();
  }

  void Add(int64_t out, int64_t in, int64_t kernel, int64_t stride) {
    weights.push_back(at::randn({out, in, kernel, kernel}).mul(0.05).requires_grad_(true));
    strides.push_back(stride);
  }

  std::vector<at::Tensor> weights;
  std::vector<int64_t> strides;
};

double MedianMilliseconds(ProcessGroup& group, const std::function<void()>& step) {
  constexpr int kWarmUp = 2, kSteps = 11;
  std::vector<double> times;
  for (int i = 0; i < kWarmUp + kSteps; ++i) {
    if (!group.Barrier().ok()) std::exit(1);
    const absl::Time start = RealClock()->Now();
    step();
    if (i >= kWarmUp) times.push_back(absl::ToDoubleMilliseconds(RealClock()->Now() - start));
  }
  std::nth_element(times.begin(), times.begin() + kSteps / 2, times.end());
  return times[kSteps / 2];
}

void Measure(ProcessGroup& group) {
  const ConvolutionStack network;
  const at::Tensor pictures = at::randn({4, 3, 32, 32});
  const auto train = [&](GradientSync& sync) {
    const at::Tensor loss = network.Loss(pictures);
    sync.Begin(/*last=*/true);
    loss.backward();
    if (!sync.Finish().ok()) std::exit(1);
  };
  SoloProcessGroup solo;
  auto sync = solo.SyncGradients(network.weights);
  const double alone = MedianMilliseconds(group, [&] { train(*sync); });
  const double after = MedianMilliseconds(group, [&] {
    train(*sync);
    std::vector<at::Tensor> gradients;
    for (const at::Tensor& weight : network.weights) gradients.push_back(weight.grad());
    if (!group.AllReduceMean(gradients).ok()) std::exit(1);
  });
  sync = group.SyncGradients(network.weights);
  const double within = MedianMilliseconds(group, [&] { train(*sync); });
  if (group.rank() != 0) return;
  std::printf("two ranks on one machine, median ms a step\n");
  std::printf("  no exchange                              %8.1f\n", alone);
  std::printf("  one message after the backward pass      %8.1f  (+%.1f)\n", after, after - alone);
  std::printf("  buckets within the backward pass         %8.1f  (+%.1f)\n", within, within - alone);
}

}  // namespace
}  // namespace pretext

int main() {
  pretext::RunGang(2, pretext::Measure);
  return 0;
}
