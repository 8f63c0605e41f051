#include "client/render/stage_results.h"

#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/render/quantity.h"

namespace pretext {
namespace {

// Names of metrics within their stage, as the worker reports them.
constexpr char kLoss[] = "loss";
constexpr char kChanceLoss[] = "chance_loss";
constexpr char kSpread[] = "feature_spread";
constexpr char kProbe[] = "probe_knn";  // of a backbone while it is pretrained
constexpr char kProbeChance[] = "probe_chance";
constexpr char kChanceAccuracy[] = "chance_accuracy";
struct Score {
  const char* metric;
  const char* what;
  const char* pictures;  // how many were judged
};
constexpr Score kScores[] = {{"test_accuracy", "accuracy", "test_pictures"},
                             {"knn_top1", "knn", "knn_pictures"},
                             {"linear_top1", "linear", "linear_pictures"}};

std::optional<double> Find(const MetricValues& values, absl::string_view stage, absl::string_view name) {
  const auto found = values.find(absl::StrCat(stage, "/", name));
  if (found == values.end()) return std::nullopt;
  return found->second;
}

// "accuracy 84.2 % (95 %: 82.1 to 86.0)"; `name` is that of the metric.
std::string ScoreText(absl::string_view what, const MetricValues& values, const std::string& stage,
                      const std::string& name, double share) {
  std::string text = absl::StrCat(what, " ", PercentText(share));
  const std::optional<double> low = Find(values, stage, name + "_low");
  const std::optional<double> high = Find(values, stage, name + "_high");
  if (low.has_value() && high.has_value())
    absl::StrAppend(&text, absl::StrFormat(" (95 %%: %.1f to %.1f)", 100 * *low, 100 * *high));
  return text;
}

std::string ScoresText(const MetricValues& values, const std::string& stage) {
  std::vector<std::string> scores;
  std::optional<double> pictures;
  for (const Score& kind : kScores) {
    const std::optional<double> score = Find(values, stage, kind.metric);
    if (!score.has_value()) continue;
    scores.push_back(ScoreText(kind.what, values, stage, kind.metric, *score));
    pictures = Find(values, stage, kind.pictures);
  }
  if (scores.empty()) return "";
  std::string text = absl::StrJoin(scores, ", ");
  if (pictures.has_value())
    absl::StrAppend(&text, " on ", GroupedText(std::llround(*pictures)), " held-out pictures");
  const std::optional<double> chance = Find(values, stage, kChanceAccuracy);
  if (chance.has_value()) absl::StrAppend(&text, ", chance ", PercentText(*chance));
  return text;
}

}  // namespace

std::string LossText(const MetricValues& values, absl::string_view stage) {
  const std::optional<double> loss = Find(values, stage, kLoss);
  if (!loss.has_value()) return "";
  std::string text = absl::StrCat("loss ", NumberText(*loss));
  const std::optional<double> chance = Find(values, stage, kChanceLoss);
  if (chance.has_value()) absl::StrAppend(&text, " (chance ", NumberText(*chance), ")");
  const std::optional<double> spread = Find(values, stage, kSpread);
  if (spread.has_value()) absl::StrAppend(&text, ", spread ", absl::StrFormat("%.2f", *spread));
  const std::optional<double> probe = Find(values, stage, kProbe);
  const std::optional<double> probe_chance = Find(values, stage, kProbeChance);
  if (probe.has_value() && probe_chance.has_value()) {
    absl::StrAppend(&text, ", knn probe ", PercentText(*probe), " (chance ", PercentText(*probe_chance), ")");
  }
  return text;
}

std::string StageResult(const v1::Stage& stage, const MetricValues& values) {
  const std::string scores = ScoresText(values, stage.name());
  if (!scores.empty()) return scores;
  const std::string loss = LossText(values, stage.name());
  return loss.empty() ? "no result was reported" : loss;
}

std::vector<std::string> ResultMetrics(const v1::Stage& stage) {
  std::vector<std::string> names = {absl::StrCat(stage.name(), "/", kChanceAccuracy)};
  for (const Score& score : kScores) {
    for (const char* end : {"", "_low", "_high"})
      names.push_back(absl::StrCat(stage.name(), "/", score.metric, end));
    names.push_back(absl::StrCat(stage.name(), "/", score.pictures));
  }
  return names;
}

std::vector<std::string> LossMetrics(const v1::Stage& stage) {
  std::vector<std::string> names;
  for (const char* name : {kLoss, kChanceLoss, kSpread, kProbe, kProbeChance})
    names.push_back(absl::StrCat(stage.name(), "/", name));
  return names;
}

int StageIndex(const v1::Job& job) {
  if (job.progress().stage().empty()) return -1;
  for (int i = 0; i < job.spec().stages_size(); ++i) {
    if (job.spec().stages(i).name() == job.progress().stage()) return i;
  }
  return job.progress().stage_index();
}

}  // namespace pretext
