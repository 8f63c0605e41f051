#include "worker/stages/shortcut_check.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "worker/data/batch_loader.h"
#include "worker/data/rng.h"
#include "worker/data/subset_dataset.h"
#include "worker/eval/pixel_probe.h"
#include "worker/train/loaded_tensors.h"

namespace pretext {
namespace {

constexpr int64_t kViews = 768;              // looked at
constexpr int64_t kMostViewsOfAPicture = 8;  // of small data sets
constexpr int64_t kBatch = 16;
constexpr int64_t kMostExamplesOfAView = 8;
constexpr uint32_t kPicturesView = 0x51E00000;  // a stream that no sample's view uses

constexpr char kAdvice[] =
    "The task can be solved without understanding what is shown. Take the cue away: raise gap and jitter "
    "between tiles or patches, drop colours (colour fringes), crop away borders, marks and vignettes that "
    "all pictures share, jitter brightness; or take a task that needs more (pretext tasks --for DIR). Judge "
    "by a probe on labels";

// Some pictures of the data, each several times where there are few, views of one next to each other.
struct Chosen {
  std::vector<int64_t> indices;
  int64_t views_each = 1;
};

Chosen ChoosePictures(int64_t pictures) {
  RngKey key;
  key.stage = kSetupStage;
  key.view = kPicturesView;
  const std::vector<int64_t> order = Rng(key).Permutation(pictures);
  const int64_t count = std::min(pictures, kViews);
  Chosen chosen;
  chosen.views_each = std::clamp<int64_t>(kViews / std::max<int64_t>(1, count), 1, kMostViewsOfAPicture);
  for (int64_t i = 0; i < count; ++i)
    chosen.indices.insert(chosen.indices.end(), chosen.views_each, order[i]);
  return chosen;
}

// What is put to the classifier about one task.
class Examples {
 public:
  explicit Examples(const WeightedTask* weighted) : weighted_(weighted) {}

  const std::string& task() const { return weighted_->name; }

  // Whether the task has classes to ask for.
  bool Add(const Batch& batch) {
    if (weighted_->weight == 0) return false;
    const std::optional<PixelQuestion> question =
        weighted_->task->AskOfPixels(PartOf(batch, weighted_->share));
    if (!question.has_value()) return false;
    classes_ = question->classes;
    const int64_t views = static_cast<int64_t>(batch.indices.size());
    const int64_t of_a_view = question->answers.size(0) / views;
    per_view_ = std::min(of_a_view, kMostExamplesOfAView);
    // Of many examples other ones of each view, so that all kinds come up.
    std::vector<int64_t> kept;
    for (int64_t view = 0; view < views; ++view) {
      for (int64_t i = 0; i < per_view_; ++i) {
        kept.push_back(view * of_a_view + (i * of_a_view / per_view_ + views_seen_ + view) % of_a_view);
      }
    }
    views_seen_ += views;
    const at::Tensor rows = at::tensor(kept, at::kLong).to(question->answers.device());
    numbers_.push_back(PixelNumbers(question->pictures.index_select(0, rows)));
    answers_.push_back(question->answers.index_select(0, rows).to(at::kCPU));
    return true;
  }

  absl::StatusOr<PixelProbe> Probe(int64_t views_each) const {
    return ProbePixels(at::cat(numbers_), at::cat(answers_), classes_, per_view_ * views_each);
  }

 private:
  const WeightedTask* weighted_;
  int classes_ = 0;
  int64_t per_view_ = 1;
  int64_t views_seen_ = 0;
  std::vector<at::Tensor> numbers_, answers_;
};

// All examples of the tasks that have classes; none when pictures cannot be read.
std::vector<Examples> Gather(const JobRun& run, const Dataset& dataset, const Chosen& chosen,
                             const ViewBuilder& views, const PretrainObjective& objective) {
  std::vector<Examples> asked;
  for (const WeightedTask& weighted : objective.tasks()) asked.emplace_back(&weighted);
  const SubsetDataset subset(&dataset, chosen.indices);
  SamplerSpec sampler;
  sampler.seed = run.spec.seed();
  sampler.stage = kSetupStage;
  sampler.dataset_size = subset.size();
  sampler.global_batch = std::min(kBatch, subset.size());
  sampler.shuffled = false;
  BatchLoaderOptions loading;
  loading.threads = run.data_threads;
  loading.last_step = subset.size() / sampler.global_batch;
  loading.max_broken_share = 1;  // that is the training's to judge
  BatchLoader loader(
      &subset, sampler, views.layout(),
      [&views](const Sample& sample, const RngKey& key, const ExampleSlot& slot) {
        views.Build(sample, key, slot);
      },
      loading, run.clock);
  for (int64_t step = 0; step < loading.last_step && !asked.empty(); ++step) {
    absl::StatusOr<LoadedBatch> loaded = loader.Next();
    if (!loaded.ok()) return {};
    Batch batch;
    batch.fields = ToTensors(*loaded, views.layout(), run.device);
    batch.indices = std::move(loaded->indices);
    asked.erase(std::remove_if(asked.begin(), asked.end(), [&](Examples& task) { return !task.Add(batch); }),
                asked.end());
  }
  return asked;
}

v1::Alarm AlarmOf(const std::string& task, const PixelProbe& probe) {
  v1::Alarm alarm;
  alarm.set_kind(v1::Alarm::SHORTCUT);
  alarm.set_task(task);
  alarm.set_text(
      absl::StrFormat("a linear classifier of shrunken pixels gives %.1f %% right answers about %d pictures "
                      "it has not seen, where "
                      "chance gives %.1f %%",
                      100 * probe.accuracy, probe.pictures, 100 * probe.chance));
  alarm.set_advice(kAdvice);
  return alarm;
}

}  // namespace

absl::StatusOr<Observation> ShortcutCheck::Begin(int64_t first_step) {
  Observation seen;
  if (first_step > 0 || run_->process_group->rank() != 0 || dataset_->size() == 0) return seen;
  at::NoGradGuard no_grad;
  const Chosen chosen = ChoosePictures(dataset_->size());
  for (const Examples& task : Gather(*run_, *dataset_, chosen, *views_, *objective_)) {
    const absl::StatusOr<PixelProbe> probe = task.Probe(chosen.views_each);
    if (absl::IsInvalidArgument(probe.status())) continue;  // too few pictures to tell
    if (!probe.ok()) return probe.status();
    seen.metrics.emplace_back(task.task() + "_pixel_probe", probe->accuracy);
    seen.metrics.emplace_back(task.task() + "_pixel_probe_chance", probe->chance);
    if (probe->beats_chance()) seen.alarms.push_back(AlarmOf(task.task(), *probe));
  }
  return seen;
}

}  // namespace pretext
