#include "worker/eval/linear_probe.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/data/rng.h"
#include "worker/eval/labelled_features.h"
#include "worker/eval/lbfgs.h"

namespace pretext {
namespace {

constexpr int kFolds = 5;
// Largest entry of the gradient at which a fit ends: looser while penalties are only compared.
constexpr double kChoiceTolerance = 1e-4;
constexpr double kTolerance = 1e-5;

at::Tensor ToTensor(absl::Span<const int64_t> numbers, const at::Tensor& like) {
  return at::from_blob(const_cast<int64_t*>(numbers.data()), {static_cast<int64_t>(numbers.size())},
                       at::kLong)
      .clone()
      .to(like.device());
}

// The rows of theta (D + 1, classes) but the last are weights, the last one biases.
at::Tensor Scores(const at::Tensor& features, const at::Tensor& theta) {
  const int64_t size = features.size(1);
  return at::addmm(theta.select(0, size), features, theta.narrow(0, 0, size));
}

// Mean softmax loss with an L2 penalty on the weights.
class SoftmaxRegression {
 public:
  SoftmaxRegression(const at::Tensor& features, const at::Tensor& labels, double penalty)
      : features_(features), labels_(labels.view({-1, 1})), penalty_(penalty) {}

  Evaluation operator()(const at::Tensor& theta) const {
    const int64_t count = features_.size(0);
    at::Tensor logits = Scores(features_, theta);
    const at::Tensor partition = at::logsumexp(logits, 1, /*keepdim=*/true);
    const double loss = (partition - logits.gather(1, labels_)).mean().item<double>();
    at::Tensor residual = logits.sub_(partition).exp_();  // softmax, less one at the label
    residual.scatter_add_(1, labels_, at::full({count, 1}, -1.0, residual.options()));
    const at::Tensor weights = theta.narrow(0, 0, features_.size(1));
    // Not features^T residual: that order of a few columns takes MKL twelve times as long.
    const at::Tensor weight_gradient = at::matmul(residual.t(), features_).t() / static_cast<double>(count);
    Evaluation evaluation;
    evaluation.value = loss + penalty_ / 2 * weights.square().sum().item<double>();
    evaluation.gradient =
        at::cat({weight_gradient.add_(weights, penalty_), residual.mean(0, /*keepdim=*/true)});
    return evaluation;
  }

  // Without the penalty.
  double Loss(const at::Tensor& theta) const {
    const at::Tensor logits = Scores(features_, theta);
    return (at::logsumexp(logits, 1, /*keepdim=*/true) - logits.gather(1, labels_)).mean().item<double>();
  }

 private:
  at::Tensor features_;  // (N, D)
  at::Tensor labels_;    // (N, 1)
  double penalty_;
};

struct Split {
  std::vector<int64_t> train, held_out;
};

// A fifth of each class's pictures, rounded down, so that no class is held out whole.
Split HoldOutFifth(absl::Span<const int64_t> labels, uint64_t seed) {
  std::map<int64_t, std::vector<int64_t>> by_class;
  for (size_t i = 0; i < labels.size(); ++i) by_class[labels[i]].push_back(i);
  Split split;
  for (const auto& [label, members] : by_class) {
    RngKey key;
    key.seed = seed;
    key.stage = kSetupStage;
    key.sample = label;
    const std::vector<int64_t> order = Rng(key).Permutation(members.size());
    const size_t held = members.size() / kFolds;
    for (size_t i = 0; i < members.size(); ++i) {
      (i < held ? split.held_out : split.train).push_back(members[order[i]]);
    }
  }
  std::sort(split.train.begin(), split.train.end());
  std::sort(split.held_out.begin(), split.held_out.end());
  return split;
}

// Fills in mean and scale; returns the standardised features.
at::Tensor Standardise(const at::Tensor& features, LinearProbe& probe) {
  probe.mean = features.mean(0);
  const at::Tensor deviation = (features - probe.mean).square().mean(0).sqrt();
  // A dimension that does not vary, up to rounding, says nothing.
  const at::Tensor constant = deviation <= probe.mean.abs() * 1e-6 + 1e-20;
  probe.scale = at::where(constant, at::zeros({}, features.options()), 1 / deviation);
  return (features - probe.mean) * probe.scale;
}

struct Choice {
  double penalty = 0, accuracy = -1, loss = 0;
};

// From the largest penalty to the smallest, each fit starting where the last one ended.
Choice ChoosePenalty(const at::Tensor& standardised, absl::Span<const int64_t> labels, int classes,
                     std::vector<double> penalties, const LinearProbeOptions& options, const Split& split) {
  const at::Tensor all_labels = ToTensor(labels, standardised);
  const at::Tensor train = ToTensor(split.train, standardised),
                   held_out = ToTensor(split.held_out, standardised);
  const at::Tensor train_features = standardised.index_select(0, train);
  const at::Tensor train_labels = all_labels.index_select(0, train);
  const at::Tensor held_features = standardised.index_select(0, held_out);
  const at::Tensor held_labels = all_labels.index_select(0, held_out);
  const SoftmaxRegression judge(held_features, held_labels, /*penalty=*/0);
  at::Tensor theta = at::zeros({standardised.size(1) + 1, classes}, standardised.options());
  Choice best;
  for (const double penalty : penalties) {
    theta = MinimizeLbfgs(SoftmaxRegression(train_features, train_labels, penalty), theta,
                          options.max_iterations, kChoiceTolerance)
                .point;
    const at::Tensor logits = Scores(held_features, theta);
    const double accuracy = at::argmax(logits, 1).eq(held_labels).to(at::kDouble).mean().item<double>();
    const double loss = judge.Loss(theta);
    if (accuracy > best.accuracy || (accuracy == best.accuracy && loss < best.loss))
      best = {penalty, accuracy, loss};
  }
  return best;
}

}  // namespace

at::Tensor LinearProbe::Logits(const at::Tensor& features) const {
  at::NoGradGuard no_grad;
  const at::Tensor x = features.detach().to(weight.device(), at::kFloat);
  return at::matmul((x - mean) * scale, weight) + bias;
}

std::vector<int64_t> LinearProbe::Predict(const at::Tensor& features) const {
  const at::Tensor best = at::argmax(Logits(features), 1).cpu().contiguous();
  return {best.const_data_ptr<int64_t>(), best.const_data_ptr<int64_t>() + best.numel()};
}

absl::StatusOr<LinearProbe> FitLinearProbe(const at::Tensor& features, absl::Span<const int64_t> labels,
                                           int classes, const LinearProbeOptions& options) {
  PRETEXT_RETURN_IF_ERROR(CheckLabelledFeatures("linear probe", features, labels, classes));
  std::vector<double> penalties = options.penalties;
  std::sort(penalties.rbegin(), penalties.rend());
  if (penalties.empty() || !(penalties.back() >= 0)) {
    return absl::InvalidArgumentError("linear probe: penalties must be one or more numbers from 0");
  }
  at::NoGradGuard no_grad;
  LinearProbe probe;
  const at::Tensor standardised = Standardise(features.detach().to(at::kFloat), probe);
  const Split split = HoldOutFifth(labels, options.seed);
  // With one penalty, or too few pictures to hold any out, there is nothing to choose: the middle one.
  probe.penalty = penalties[penalties.size() / 2];
  if (penalties.size() > 1 && !split.held_out.empty()) {
    const Choice choice = ChoosePenalty(standardised, labels, classes, penalties, options, split);
    probe.penalty = choice.penalty;
    probe.held_out_accuracy = choice.accuracy;
  }
  const at::Tensor start = at::zeros({standardised.size(1) + 1, classes}, standardised.options());
  const Minimum minimum =
      MinimizeLbfgs(SoftmaxRegression(standardised, ToTensor(labels, standardised), probe.penalty), start,
                    options.max_iterations, kTolerance);
  probe.weight = minimum.point.narrow(0, 0, standardised.size(1));
  probe.bias = minimum.point.select(0, standardised.size(1));
  probe.converged = minimum.converged;
  probe.iterations = minimum.iterations;
  return probe;
}

std::string ConvergenceRemark(const LinearProbe& probe) {
  if (probe.converged) return "";
  return absl::StrCat("the linear probe had not converged after ", probe.iterations,
                      " iterations with penalty ", probe.penalty,
                      ", so that its accuracy may be too low; try larger penalties");
}

}  // namespace pretext
