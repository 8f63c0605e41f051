#include "worker/report/stage_plots.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace pretext {
namespace {

using SeriesByName = std::map<std::string, CondensedSeries>;

constexpr size_t kMostCurves = 8;

const CondensedSeries* Find(const SeriesByName& series, const std::string& name) {
  const auto found = series.find(name);
  return found == series.end() || found->second.points().empty() ? nullptr : &found->second;
}

absl::optional<Reference> LastValue(const SeriesByName& series, const std::string& name,
                                    const std::string& label) {
  const CondensedSeries* found = Find(series, name);
  if (found == nullptr) return absl::nullopt;
  return Reference{label, found->points().back().mean};
}

std::string Words(const std::string& name) { return absl::StrReplaceAll(name, {{"_", " "}}); }

void AddPanel(const SeriesByName& series, const std::string& name, Panel panel, Figure* figure) {
  const CondensedSeries* found = Find(series, name);
  if (found == nullptr) return;
  panel.curves.push_back({Words(name), found->points()});
  figure->panels.push_back(std::move(panel));
}

bool HasLine(const Figure& figure) {
  for (const Panel& panel : figure.panels) {
    for (const Curve& curve : panel.curves) {
      if (curve.points.size() > 1) return true;
    }
  }
  return false;
}

Figure LossFigure(const SeriesByName& series) {
  Figure figure;
  auto add = [&](const std::string& loss, const std::string& chance) {
    Panel panel;
    panel.title = loss == "loss" ? "loss" : absl::StrCat("loss of ", Words(loss.substr(0, loss.size() - 5)));
    panel.reference = LastValue(series, chance, "chance");
    AddPanel(series, loss, std::move(panel), &figure);
  };
  add("loss", "chance_loss");
  std::vector<std::string> tasks;
  for (const auto& [name, values] : series) {
    absl::string_view task = name;
    if (absl::ConsumeSuffix(&task, "_loss") && !absl::EndsWith(name, "chance_loss")) tasks.emplace_back(task);
  }
  // A single task's loss is the loss.
  if (tasks.size() > 1 || figure.panels.empty()) {
    for (const std::string& task : tasks) {
      if (figure.panels.size() < kMostCurves) add(task + "_loss", task + "_chance_loss");
    }
  }
  return figure;
}

Figure AccuracyFigure(const SeriesByName& series) {
  Figure figure;
  Panel panel;
  panel.title = "accuracy";
  panel.from_zero = panel.percent = true;
  panel.reference = LastValue(series, "chance_accuracy", "chance");
  for (const auto& [name, values] : series) {
    if (name != "accuracy" && !absl::EndsWith(name, "_accuracy")) continue;
    if (name == "chance_accuracy" || values.points().empty() || panel.curves.size() == kMostCurves) continue;
    const std::string label = name == "accuracy" ? name : Words(name.substr(0, name.size() - 9));
    panel.curves.push_back({label, values.points()});
  }
  if (!panel.curves.empty()) figure.panels.push_back(std::move(panel));
  return figure;
}

Figure LearningRateFigure(const SeriesByName& series) {
  Figure figure;
  Panel rate, norm;
  rate.title = "learning rate";
  rate.from_zero = rate.exact = true;
  norm.title = "norm of the gradient, before clipping";
  norm.from_zero = true;
  AddPanel(series, "learning_rate", std::move(rate), &figure);
  AddPanel(series, "gradient_norm", std::move(norm), &figure);
  return figure;
}

Figure FeatureSpreadFigure(const SeriesByName& series) {
  Figure figure;
  Panel panel;
  panel.title = "feature spread (0: collapsed)";
  panel.from_zero = true;
  panel.reference = Reference{"evenly spread", 1};
  AddPanel(series, "feature_spread", std::move(panel), &figure);
  Panel rank;
  rank.title = "effective rank of a batch's features";
  rank.from_zero = true;
  AddPanel(series, "effective_rank", std::move(rank), &figure);
  return figure;
}

Figure ProbeFigure(const SeriesByName& series) {
  Figure figure;
  Panel panel;
  panel.title = "accuracy on labelled pictures";
  panel.from_zero = panel.percent = panel.exact = true;
  panel.reference = LastValue(series, "probe_chance", "chance");
  for (const auto& [name, values] : series) {
    absl::string_view what = name;
    if (!absl::ConsumePrefix(&what, "probe_") || what == "chance" || values.points().empty()) continue;
    if (panel.curves.size() < kMostCurves)
      panel.curves.push_back({Words(std::string(what)), values.points()});
  }
  if (!panel.curves.empty()) figure.panels.push_back(std::move(panel));
  return figure;
}

Figure ThroughputFigure(const SeriesByName& series) {
  Figure figure;
  Panel rate, wait;
  rate.title = "images per second";
  rate.from_zero = true;
  wait.title = "share of time spent waiting for data";
  wait.from_zero = wait.percent = true;
  AddPanel(series, "images_per_second", std::move(rate), &figure);
  AddPanel(series, "data_wait_share", std::move(wait), &figure);
  return figure;
}

}  // namespace

std::vector<StagePlot> PlanStagePlots(const std::string& stage, const SeriesByName& series) {
  std::vector<StagePlot> plots;
  const std::pair<const char*, Figure (*)(const SeriesByName&)> kinds[] = {
      {"loss", LossFigure},
      {"accuracy", AccuracyFigure},
      {"learning-rate", LearningRateFigure},
      {"feature-spread", FeatureSpreadFigure},
      {"probe", ProbeFigure},
      {"throughput", ThroughputFigure}};
  for (const auto& [name, make] : kinds) {
    StagePlot plot{absl::StrCat(stage, "-", name, ".png"), make(series)};
    if (!HasLine(plot.figure)) continue;
    plot.figure.title = absl::StrCat(stage, ": ", absl::StrReplaceAll(name, {{"-", " "}}));
    plots.push_back(std::move(plot));
  }
  return plots;
}

}  // namespace pretext
