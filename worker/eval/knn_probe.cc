#include "worker/eval/knn_probe.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/eval/labelled_features.h"

namespace pretext {
namespace {

constexpr int64_t kTileElements = int64_t{1} << 24;  // similarities held at a time: 64 MiB
constexpr float kNone = -std::numeric_limits<float>::infinity();

struct Neighbour {
  float similarity;
  int64_t index;
};

at::Tensor UnitRows(const at::Tensor& features) {
  const at::Tensor x = features.detach().to(at::kCPU, at::kFloat).contiguous();
  return x / x.norm(2, {1}, /*keepdim=*/true).clamp_min(1e-12);
}

// The `count` largest of `row`, in descending order, earlier ones first among equals. Most blocks hold
// nothing larger than the smallest so far, which the compiler checks many numbers at a time.
void SelectNearest(const float* row, int64_t size, int count, std::vector<Neighbour>& nearest) {
  constexpr int64_t kBlock = 64;
  nearest.clear();
  for (int64_t begin = 0; begin < size; begin += kBlock) {
    const int64_t end = std::min(size, begin + kBlock);
    const bool full = static_cast<int>(nearest.size()) == count;
    const float threshold = full ? nearest.back().similarity : kNone;
    int larger = 0;
    for (int64_t i = begin; i < end; ++i) larger |= row[i] > threshold;
    if (larger == 0) continue;
    for (int64_t i = begin; i < end; ++i) {
      if (static_cast<int>(nearest.size()) == count) {
        if (row[i] <= nearest.back().similarity) continue;
        nearest.pop_back();
      }
      const auto place =
          std::upper_bound(nearest.begin(), nearest.end(), row[i],
                           [](float value, const Neighbour& n) { return value > n.similarity; });
      nearest.insert(place, {row[i], i});
    }
  }
}

// Writes the logarithm of each class's share into `scores` and returns the class with most.
int64_t Vote(const std::vector<Neighbour>& nearest, absl::Span<const int64_t> labels, double temperature,
             absl::Span<float> scores, std::vector<double>& votes) {
  std::fill(votes.begin(), votes.end(), 0.0);
  double total = 0;
  for (const Neighbour& neighbour : nearest) {
    // Relative to the nearest, so that no temperature overflows.
    const double weight = std::exp((double{neighbour.similarity} - nearest.front().similarity) / temperature);
    votes[labels[neighbour.index]] += weight;
    total += weight;
  }
  for (size_t c = 0; c < votes.size(); ++c) {
    if (votes[c] > 0) scores[c] = static_cast<float>(std::log(votes[c] / total));
  }
  return std::max_element(votes.begin(), votes.end()) - votes.begin();
}

}  // namespace

absl::StatusOr<KnnResult> KnnProbe(const at::Tensor& reference, absl::Span<const int64_t> labels, int classes,
                                   const at::Tensor& queries, const KnnOptions& options) {
  PRETEXT_RETURN_IF_ERROR(CheckLabelledFeatures("kNN probe", reference, labels, classes));
  PRETEXT_RETURN_IF_ERROR(CheckFeatures("kNN probe", queries, reference.size(1)));
  if (options.neighbours < 1 || !(options.temperature > 0)) {
    return absl::InvalidArgumentError(absl::StrCat("kNN probe: neighbours (", options.neighbours,
                                                   ") must be at least 1 and temperature (",
                                                   options.temperature, ") above 0"));
  }
  at::NoGradGuard no_grad;
  const at::Tensor columns = UnitRows(reference).t();
  const at::Tensor rows = UnitRows(queries);
  const int64_t count = reference.size(0);
  const int neighbours = static_cast<int>(std::min<int64_t>(options.neighbours, count));
  const int64_t tile = std::clamp<int64_t>(kTileElements / count, 1, 1024);

  KnnResult result;
  result.scores = at::full({rows.size(0), classes}, kNone, at::kFloat);
  result.predictions.reserve(rows.size(0));
  float* scores = result.scores.mutable_data_ptr<float>();
  std::vector<Neighbour> nearest;
  std::vector<double> votes(classes);
  for (int64_t begin = 0; begin < rows.size(0); begin += tile) {
    const int64_t end = std::min(rows.size(0), begin + tile);
    const at::Tensor similarities = at::matmul(rows.slice(0, begin, end), columns).contiguous();
    const float* row = similarities.const_data_ptr<float>();
    for (int64_t i = begin; i < end; ++i, row += count) {
      SelectNearest(row, count, neighbours, nearest);
      result.predictions.push_back(
          Vote(nearest, labels, options.temperature, absl::MakeSpan(scores + i * classes, classes), votes));
    }
  }
  return result;
}

}  // namespace pretext
