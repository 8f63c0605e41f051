#include "worker/stages/judgement.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "worker/eval/metrics.h"

namespace pretext {

std::vector<int64_t> BestClasses(const at::Tensor& scores) {
  const at::Tensor rows = scores.contiguous();
  const int64_t classes = rows.size(1);
  std::vector<int64_t> best;
  for (int64_t i = 0; i < rows.size(0); ++i) {
    const float* row = rows.const_data_ptr<float>() + i * classes;
    best.push_back(std::max_element(row, row + classes) - row);
  }
  return best;
}

Judgement Judge(const at::Tensor& scores, absl::Span<const int64_t> predictions,
                absl::Span<const int64_t> labels) {
  const at::Tensor rows = scores.contiguous();
  const absl::Span<const float> numbers(rows.const_data_ptr<float>(), static_cast<size_t>(rows.numel()));
  Judgement judgement;
  judgement.classes = static_cast<int>(rows.size(1));
  judgement.pictures = static_cast<int64_t>(labels.size());
  const ConfusionMatrix confusion(judgement.classes, predictions, labels);
  judgement.top1 = confusion.Accuracy();
  judgement.top5 = TopK(numbers, judgement.classes, labels, 5);
  judgement.balanced_accuracy = confusion.BalancedAccuracy();
  judgement.macro_f1 = confusion.MacroF1();
  int64_t correct = 0, largest = 0;
  for (int c = 0; c < judgement.classes; ++c) {
    correct += confusion.count(c, c);
    largest = std::max(largest, confusion.support(c));
  }
  const Interval interval = WilsonInterval(correct, judgement.pictures);
  judgement.interval_low = interval.low;
  judgement.interval_high = interval.high;
  judgement.chance = 1.0 / judgement.classes;
  judgement.largest_class =
      judgement.pictures == 0 ? 0 : static_cast<double>(largest) / static_cast<double>(judgement.pictures);
  return judgement;
}

NamedNumbers JudgementMetrics(const Judgement& judgement, const std::string& accuracy_name,
                              const std::string& prefix) {
  NamedNumbers metrics = {{accuracy_name, judgement.top1},
                          {prefix + "pictures", static_cast<double>(judgement.pictures)},
                          {prefix + "balanced_accuracy", judgement.balanced_accuracy},
                          {prefix + "macro_f1", judgement.macro_f1},
                          {accuracy_name + "_low", judgement.interval_low},
                          {accuracy_name + "_high", judgement.interval_high},
                          {"chance_accuracy", judgement.chance}};
  if (judgement.classes > 5) metrics.emplace_back(prefix + "top5", judgement.top5);
  return metrics;
}

nlohmann::ordered_json JudgementJson(const Judgement& judgement) {
  nlohmann::ordered_json json = {{"pictures", judgement.pictures},
                                 {"top1", judgement.top1},
                                 {"top1_interval_95", {judgement.interval_low, judgement.interval_high}},
                                 {"balanced_accuracy", judgement.balanced_accuracy},
                                 {"macro_f1", judgement.macro_f1},
                                 {"chance", judgement.chance},
                                 {"largest_class_share", judgement.largest_class}};
  if (judgement.classes > 5) json["top5"] = judgement.top5;
  return json;
}

std::string JudgementText(const Judgement& judgement) {
  return absl::StrFormat(
      "%.1f %% of %d pictures (95 %%: %.1f .. %.1f; chance %.1f %%), balanced %.1f %%, macro F1 %.3f",
      100 * judgement.top1, judgement.pictures, 100 * judgement.interval_low, 100 * judgement.interval_high,
      100 * judgement.chance, 100 * judgement.balanced_accuracy, judgement.macro_f1);
}

}  // namespace pretext
