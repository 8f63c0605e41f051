#ifndef PRETEXT_WORKER_EVAL_LBFGS_H_
#define PRETEXT_WORKER_EVAL_LBFGS_H_

#include <ATen/core/Tensor.h>

#include <functional>

namespace pretext {

// A function's value and gradient at a point.
struct Evaluation {
  double value = 0;
  at::Tensor gradient;  // of the point's shape
};

struct Minimum {
  at::Tensor point;
  double value = 0;
  int iterations = 0;
  bool converged = false;  // the gradient's largest entry fell under `tolerance`, or steps under rounding
};

// Minimises a smooth convex function from `start` by limited-memory BFGS (Liu & Nocedal 1989) with ten pairs
// and backtracking to a sufficient decrease. Tensors of any shape and device, fp32 or fp64.
Minimum MinimizeLbfgs(const std::function<Evaluation(const at::Tensor&)>& function, const at::Tensor& start,
                      int max_iterations, double tolerance = 1e-5);

}  // namespace pretext

#endif  // PRETEXT_WORKER_EVAL_LBFGS_H_
