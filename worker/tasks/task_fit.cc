#include "worker/tasks/task_fit.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "proto/cpp/defaults.h"
#include "proto/cpp/status_macros.h"
#include "worker/tasks/registry.h"

namespace pretext {
namespace {

constexpr int64_t kLookedAt = 256;        // pictures
constexpr int64_t kUsualBatch = 256;      // a stage's default
constexpr double kSurelyUpright = 3;      // standard errors
constexpr int64_t kFewestToJudgeUp = 16;  // pictures

// Brightness of the upper half less that of the lower.
double UpperLessLower(const Image& image) {
  const auto mean = [&image](int begin, int end) {
    const auto from = image.pixels.begin() + static_cast<int64_t>(begin) * image.width * image.channels;
    const auto to = image.pixels.begin() + static_cast<int64_t>(end) * image.width * image.channels;
    return from == to ? 0.0 : std::accumulate(from, to, 0.0) / static_cast<double>(to - from);
  };
  const int half = image.height / 2;
  return mean(0, half) - mean(image.height - half, image.height);
}

std::vector<double> UpperLessLowerOfAll(const Dataset& dataset) {
  std::vector<double> differences;
  const int64_t count = std::min(kLookedAt, dataset.size());
  for (int64_t i = 0; i < count; ++i) {
    const absl::StatusOr<Image> image = dataset.Load(i * dataset.size() / count);
    if (image.ok()) differences.push_back(UpperLessLower(*image));
  }
  return differences;
}

// The task in a stage of its own with nothing but defaults.
v1::TaskSpec DefaultSpec(absl::string_view name, int image_size) {
  v1::JobSpec job;
  v1::PretrainStage* stage = job.add_stages()->mutable_pretrain();
  stage->set_image_size(image_size);
  v1::TaskSpec* task = stage->add_tasks();
  task->GetReflection()->MutableMessage(task, v1::TaskSpec::descriptor()->FindFieldByName(std::string(name)));
  ApplyDefaults(&job);
  return job.stages(0).pretrain().tasks(0);
}

absl::Status CheckOn(const TaskEntry& entry, TaskContext context, const TaskSizes& sizes) {
  context.spec = DefaultSpec(entry.name, context.image_size);
  PRETEXT_RETURN_IF_ERROR(entry.resolve(sizes, &context.spec).status());
  return entry.check(context);
}

std::string DoubtAbout(const TaskEntry& entry, const DatasetFacts& facts,
                       const std::vector<double>& differences) {
  if (facts.pictures < entry.fewest_pictures) {
    return absl::StrCat("there are ", facts.pictures, " pictures; it wants ", entry.fewest_pictures,
                        " or more");
  }
  const bool judged = static_cast<int64_t>(differences.size()) >= kFewestToJudgeUp;
  if (entry.wants_upright && judged && UprightEvidence(differences) < kSurelyUpright) {
    return "the pictures' upper and lower halves are equally bright on average; see that they have an up";
  }
  return "";
}

}  // namespace

double UprightEvidence(const std::vector<double>& differences) {
  const double n = static_cast<double>(differences.size());
  if (n < 2) return 0;
  const double mean = std::accumulate(differences.begin(), differences.end(), 0.0) / n;
  double squares = 0;
  for (const double difference : differences) squares += (difference - mean) * (difference - mean);
  const double error = std::sqrt(squares / (n - 1) / n);
  return error == 0 ? (mean == 0 ? 0 : INFINITY) : std::abs(mean) / error;
}

absl::StatusOr<DataFit> FitTasks(const v1::DataSpec& data, int image_size) {
  PRETEXT_ASSIGN_OR_RETURN(const OpenedPictures opened, OpenPictures(data));
  DataFit fit;
  fit.facts = opened.facts;
  TaskContext context;
  context.image_size =
      ResolveImageSize(image_size, std::min(opened.facts.median_height, opened.facts.median_width));
  context.dataset = opened.pictures.get();
  context.facts = &opened.facts;
  // A small set is judged with a batch that it can be trained with.
  context.micro_batch_size = std::clamp<int64_t>(opened.facts.pictures / 4, 1, kUsualBatch);
  context.steps = 10000;
  const TaskSizes sizes{context.image_size, opened.facts.pictures, context.micro_batch_size, context.steps};
  const std::vector<double> differences = UpperLessLowerOfAll(*opened.pictures);
  for (const TaskEntry& entry : Tasks()) {
    TaskFit found{entry.name, Fit::kYes, ""};
    const absl::Status checked = CheckOn(entry, context, sizes);
    if (!checked.ok()) {
      found.fit = Fit::kRefused;
      found.why = std::string(checked.message());
    } else {
      found.why = DoubtAbout(entry, opened.facts, differences);
      if (!found.why.empty()) found.fit = Fit::kDoubtful;
    }
    fit.tasks.push_back(std::move(found));
  }
  return fit;
}

std::string DataFitAsJson(const DataFit& fit) {
  nlohmann::ordered_json json;
  json["data"] = {{"pictures", fit.facts.pictures},
                  {"channels", fit.facts.channels},
                  {"median_width", fit.facts.median_width},
                  {"median_height", fit.facts.median_height},
                  {"passed_over", fit.facts.ignored.size()}};
  json["tasks"] = nlohmann::ordered_json::array();
  for (const TaskFit& task : fit.tasks) {
    const char* fits = task.fit == Fit::kYes ? "yes" : task.fit == Fit::kDoubtful ? "doubtful" : "no";
    json["tasks"].push_back({{"name", std::string(task.task)}, {"fits", fits}, {"why", task.why}});
  }
  return json.dump(2, ' ', /*ensure_ascii=*/false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace pretext
