#include "worker/eval/lbfgs.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <utility>
#include <vector>

namespace pretext {
namespace {

constexpr size_t kPairs = 10;
constexpr double kSufficientDecrease = 1e-4;
constexpr int kMaxHalvings = 30;

double Dot(const at::Tensor& a, const at::Tensor& b) { return (a * b).sum(at::kDouble).item<double>(); }

// A step and the change of gradient along it.
struct Pair {
  at::Tensor step, change;
  double inverse = 0;  // 1 / (step . change)
};

// The inverse Hessian's estimate times the gradient: the two-loop recursion (Nocedal 1980).
at::Tensor Precondition(const std::deque<Pair>& pairs, const at::Tensor& gradient) {
  at::Tensor direction = gradient.clone();
  std::vector<double> coefficients(pairs.size());
  for (size_t i = pairs.size(); i-- > 0;) {
    coefficients[i] = pairs[i].inverse * Dot(pairs[i].step, direction);
    direction.sub_(pairs[i].change, coefficients[i]);
  }
  if (!pairs.empty()) {
    const Pair& newest = pairs.back();
    direction.mul_(1 / (newest.inverse * Dot(newest.change, newest.change)));
  }
  for (size_t i = 0; i < pairs.size(); ++i) {
    const double coefficient = pairs[i].inverse * Dot(pairs[i].change, direction);
    direction.add_(pairs[i].step, coefficients[i] - coefficient);
  }
  return direction;
}

}  // namespace

Minimum MinimizeLbfgs(const std::function<Evaluation(const at::Tensor&)>& function, const at::Tensor& start,
                      int max_iterations, double tolerance) {
  at::NoGradGuard no_grad;
  Minimum minimum;
  minimum.point = start.detach().clone();
  Evaluation here = function(minimum.point);
  std::deque<Pair> pairs;
  while (true) {
    minimum.value = here.value;
    minimum.converged = here.gradient.abs().max().item<double>() <= tolerance;
    if (minimum.converged || minimum.iterations == max_iterations) return minimum;
    at::Tensor direction = Precondition(pairs, here.gradient);
    double slope = Dot(here.gradient, direction);
    if (!(slope > 0)) {  // rounding has spoilt the pairs
      pairs.clear();
      direction = here.gradient.clone();
      slope = Dot(direction, direction);
    }
    double length = pairs.empty() ? std::min(1.0, 1 / std::sqrt(slope)) : 1;
    Evaluation there;
    int halvings = 0;
    for (;; length /= 2, ++halvings) {
      there = function(minimum.point.sub(direction, length));
      if (there.value <= here.value - kSufficientDecrease * length * slope) break;
      if (halvings == kMaxHalvings) {  // no better point within rounding
        minimum.converged = true;
        return minimum;
      }
    }
    ++minimum.iterations;
    Pair pair{direction.mul_(-length), there.gradient - here.gradient};
    minimum.point.add_(pair.step);
    const double curvature = Dot(pair.step, pair.change);
    if (curvature > 1e-10 * Dot(pair.change, pair.change)) {
      pair.inverse = 1 / curvature;
      pairs.push_back(std::move(pair));
      if (pairs.size() > kPairs) pairs.pop_front();
    }
    here = std::move(there);
  }
}

}  // namespace pretext
