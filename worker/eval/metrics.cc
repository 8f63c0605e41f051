#include "worker/eval/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pretext {
namespace {

double Share(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

double TopK(absl::Span<const float> scores, int classes, absl::Span<const int64_t> labels, int k) {
  int64_t correct = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    const absl::Span<const float> row = scores.subspan(i * classes, classes);
    const float own = row[labels[i]];
    if (!(own > -std::numeric_limits<float>::infinity())) continue;
    int better = 0;
    for (int c = 0; c < classes; ++c) better += row[c] > own || (row[c] == own && c < labels[i]);
    correct += better < k;
  }
  return Share(correct, labels.size());
}

ConfusionMatrix::ConfusionMatrix(int classes) : classes_(classes), counts_(int64_t{classes} * classes) {}

ConfusionMatrix::ConfusionMatrix(int classes, absl::Span<const int64_t> predictions,
                                 absl::Span<const int64_t> labels)
    : ConfusionMatrix(classes) {
  for (size_t i = 0; i < labels.size(); ++i) Add(labels[i], predictions[i]);
}

void ConfusionMatrix::Add(int64_t label, int64_t prediction) { ++counts_[label * classes_ + prediction]; }

int64_t ConfusionMatrix::support(int label) const {
  int64_t sum = 0;
  for (int c = 0; c < classes_; ++c) sum += count(label, c);
  return sum;
}

double ConfusionMatrix::Accuracy() const {
  int64_t correct = 0, total = 0;
  for (int c = 0; c < classes_; ++c) {
    correct += count(c, c);
    total += support(c);
  }
  return Share(correct, total);
}

double ConfusionMatrix::Recall(int label) const { return Share(count(label, label), support(label)); }

double ConfusionMatrix::Precision(int label) const {
  int64_t taken = 0;
  for (int c = 0; c < classes_; ++c) taken += count(c, label);
  return Share(count(label, label), taken);
}

double ConfusionMatrix::BalancedAccuracy() const {
  double sum = 0;
  int present = 0;
  for (int c = 0; c < classes_; ++c) {
    if (support(c) == 0) continue;
    sum += Recall(c);
    ++present;
  }
  return present == 0 ? 0 : sum / present;
}

double ConfusionMatrix::MacroF1() const {
  double sum = 0;
  int present = 0;
  for (int c = 0; c < classes_; ++c) {
    if (support(c) == 0) continue;
    const double precision = Precision(c), recall = Recall(c);
    if (precision + recall > 0) sum += 2 * precision * recall / (precision + recall);
    ++present;
  }
  return present == 0 ? 0 : sum / present;
}

Interval WilsonInterval(int64_t correct, int64_t total, double z) {
  if (total == 0) return {};
  const double n = static_cast<double>(total);
  const double p = static_cast<double>(correct) / n;
  const double centre = p + z * z / (2 * n);
  const double spread = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  const double scale = 1 + z * z / n;
  return {std::max(0.0, (centre - spread) / scale), std::min(1.0, (centre + spread) / scale)};
}

}  // namespace pretext
