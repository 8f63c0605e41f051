#ifndef PRETEXT_WORKER_STAGES_JUDGEMENT_H_
#define PRETEXT_WORKER_STAGES_JUDGEMENT_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "nlohmann/json.hpp"
#include "worker/train/objective.h"

namespace pretext {

// How good scores of classes are, as it is told to people: never an accuracy alone.
struct Judgement {
  int64_t pictures = 0;
  double top1 = 0;
  double top5 = 0;  // with more than five classes
  double balanced_accuracy = 0;
  double macro_f1 = 0;
  double interval_low = 0, interval_high = 1;  // Wilson's, of top1, 95 %
  double chance = 0;                           // of a guess
  double largest_class = 0;                    // share: what always guessing it would give
  int classes = 0;
};

// scores (N, classes) float on the CPU; predictions and labels (N).
Judgement Judge(const at::Tensor& scores, absl::Span<const int64_t> predictions,
                absl::Span<const int64_t> labels);
// Each row's best class; the lowest of equals.
std::vector<int64_t> BestClasses(const at::Tensor& scores);

// "{prefix}top1" and so on. `accuracy_name` names the first: "test_accuracy" or "knn_top1".
NamedNumbers JudgementMetrics(const Judgement& judgement, const std::string& accuracy_name,
                              const std::string& prefix);
nlohmann::ordered_json JudgementJson(const Judgement& judgement);
// "71.3 % of 10000 pictures (95 %: 70.4 .. 72.2; chance 10.0 %), balanced 71.3 %, macro F1 0.71".
std::string JudgementText(const Judgement& judgement);

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_JUDGEMENT_H_
