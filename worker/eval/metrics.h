#ifndef PRETEXT_WORKER_EVAL_METRICS_H_
#define PRETEXT_WORKER_EVAL_METRICS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace pretext {

// How good predictions are. Pure; classes are numbered from 0. REQUIRES, everywhere: spans of one length for
// predictions and labels, classes in range. All shares are 0 for no pictures.

// scores: `labels.size()` rows of `classes` numbers. Share of rows whose label is among the k best scored.
// Equal scores rank the lower class first. A score of minus infinity, and one that is not a number, never
// counts.
double TopK(absl::Span<const float> scores, int classes, absl::Span<const int64_t> labels, int k);

class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(int classes);
  ConfusionMatrix(int classes, absl::Span<const int64_t> predictions, absl::Span<const int64_t> labels);

  void Add(int64_t label, int64_t prediction);

  int classes() const { return classes_; }
  // Pictures of class `label` that were taken for `prediction`.
  int64_t count(int label, int prediction) const { return counts_[label * classes_ + prediction]; }
  // Pictures of a class.
  int64_t support(int label) const;

  // Share of all that is right.
  double Accuracy() const;
  // Share of a class's pictures that were recognised; 0 for a class without pictures.
  double Recall(int label) const;
  // Share of what was taken for a class that belongs to it; 0 when nothing was.
  double Precision(int label) const;
  // Mean recall over the classes that have pictures: chance is 1 / classes however unequal their numbers.
  double BalancedAccuracy() const;
  // Mean over the classes that have pictures of the harmonic mean of precision and recall.
  double MacroF1() const;

 private:
  int classes_;
  std::vector<int64_t> counts_;  // rows are labels
};

struct Interval {
  double low = 0;
  double high = 1;
};

// Wilson's score interval for a share of `correct` out of `total` (1927): 95 % by default. 0 .. 1 for none.
Interval WilsonInterval(int64_t correct, int64_t total, double z = 1.959963984540054);

}  // namespace pretext

#endif  // PRETEXT_WORKER_EVAL_METRICS_H_
