#include "worker/stages/pretrain_probe.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/isfinite.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/eval/feature_extractor.h"
#include "worker/eval/knn_probe.h"
#include "worker/eval/linear_probe.h"
#include "worker/eval/metrics.h"
#include "worker/stages/picture_pass.h"
#include "worker/tasks/normalization.h"

namespace pretext {
namespace {

constexpr int kHeldOutShare = 3;
constexpr double kPenalty = 1e-2;
constexpr int kIterations = 100;

absl::Status OfProbe(const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("probe: ", status.message()));
}

// Rows of the sample that could be read, those to learn from first.
struct Sample {
  at::Tensor learnt, judged;
  std::vector<int64_t> learnt_labels, judged_labels;
};

Sample SampleOf(const JudgedData& data, const PictureRows& passed) {
  Sample sample;
  const int64_t reference = static_cast<int64_t>(data.train_indices.size());
  for (const int64_t position : passed.positions) {
    if (position < reference) {
      sample.learnt_labels.push_back(data.train_labels[position]);
    } else {
      sample.judged_labels.push_back(data.test_labels[position - reference]);
    }
  }
  const int64_t learnt = static_cast<int64_t>(sample.learnt_labels.size());
  sample.learnt = passed.rows.narrow(0, 0, learnt);
  sample.judged = passed.rows.narrow(0, learnt, passed.rows.size(0) - learnt);
  return sample;
}

}  // namespace

PretrainProbe::PretrainProbe(const StageRun* run, const v1::PretrainStage& stage, int64_t steps,
                             Backbone backbone)
    : run_(run),
      spec_(stage.probe()),
      steps_(steps),
      image_size_(stage.image_size()),
      backbone_(std::move(backbone)) {}

absl::StatusOr<std::unique_ptr<PretrainProbe>> PretrainProbe::Open(const StageRun* run,
                                                                   const v1::PretrainStage& stage,
                                                                   int64_t steps, Backbone backbone) {
  std::unique_ptr<PretrainProbe> probe(new PretrainProbe(run, stage, steps, std::move(backbone)));
  v1::DataSpec spec = stage.probe().data();
  spec.set_channels(probe->backbone_->options().in_channels);
  absl::StatusOr<std::shared_ptr<const OpenedDataset>> opened = run->datasets->Open(spec);
  if (!opened.ok()) return OfProbe(opened.status());
  probe->opened_ = *std::move(opened);
  absl::StatusOr<JudgedData> data = JoinJudgedData(*probe->opened_->dataset, /*test=*/nullptr, kHeldOutShare);
  if (!data.ok()) return OfProbe(data.status());
  probe->data_ = SampleJudged(*std::move(data), stage.probe().pictures());
  run->LogOnce(absl::StrCat("stage ", run->name(), ": probes the backbone each ", stage.probe().every_steps(),
                            " steps on ", probe->data_.test_indices.size(), " labelled pictures by ",
                            probe->data_.train_indices.size(), " others"));
  return probe;
}

bool PretrainProbe::IsDue(int64_t done) const {
  return done > 0 && (done == steps_ || done % spec_.every_steps() == 0);
}

absl::StatusOr<Observation> PretrainProbe::Begin(int64_t first_step) { return AfterStep(first_step); }

absl::StatusOr<Observation> PretrainProbe::AfterStep(int64_t done) {
  if (!IsDue(done)) return Observation();
  return Look();
}

absl::StatusOr<Observation> PretrainProbe::Look() {
  at::NoGradGuard no_grad;
  PicturePass pass;
  pass.dataset = opened_->dataset.get();
  pass.indices = data_.train_indices;
  pass.indices.insert(pass.indices.end(), data_.test_indices.begin(), data_.test_indices.end());
  pass.image_size = image_size_;
  pass.max_broken_share = spec_.data().max_broken_share();
  pass.tell = [](int64_t) {};  // training is how far it is
  absl::StatusOr<PictureRows> passed;
  {
    const Normalization normalization = NormalizationFor(backbone_->options().in_channels);
    const FeatureExtractor extractor(backbone_, normalization.mean, normalization.std, run_->job->device);
    pass.compute = [&](const at::Tensor& pictures) { return at::cat(extractor.ExtractLayers(pictures), 1); };
    passed = PassOverPictures(*run_->job, pass);
  }
  if (!passed.ok()) return absl::IsCancelled(passed.status()) ? passed.status() : OfProbe(passed.status());
  // Weights that are no numbers any more show in the next loss, which says so.
  const bool finite = at::isfinite(passed->rows).all().item<bool>();
  if (!run_->is_first_rank() || !finite) return Observation();

  const Sample sample = SampleOf(data_, *passed);
  if (sample.learnt_labels.empty() || sample.judged_labels.empty()) return Observation();
  const int classes = static_cast<int>(data_.classes.size());
  const auto accuracy = [&](const std::vector<int64_t>& predictions) {
    return ConfusionMatrix(classes, predictions, sample.judged_labels).Accuracy();
  };
  Observation seen;
  seen.metrics.emplace_back("probe_chance", 1.0 / classes);
  const std::vector<int> widths = backbone_->map_channels();
  const int last = static_cast<int>(widths.size()) - 1;
  LinearProbeOptions options;
  options.penalties = {kPenalty};
  options.max_iterations = kIterations;
  int64_t begin = 0;
  for (int block = 0; block <= last; begin += widths[block++]) {
    const at::Tensor learnt = sample.learnt.narrow(1, begin, widths[block]);
    const at::Tensor judged = sample.judged.narrow(1, begin, widths[block]);
    if (block == last) {
      PRETEXT_ASSIGN_OR_RETURN(const KnnResult voted,
                               KnnProbe(learnt, sample.learnt_labels, classes, judged));
      seen.metrics.emplace_back("probe_knn", accuracy(voted.predictions));
    }
    if (block < last && !spec_.each_block()) continue;
    PRETEXT_ASSIGN_OR_RETURN(const LinearProbe linear,
                             FitLinearProbe(learnt, sample.learnt_labels, classes, options));
    seen.metrics.emplace_back(absl::StrCat("probe_layer", block + 1), accuracy(linear.Predict(judged)));
  }
  return seen;
}

nlohmann::ordered_json PretrainProbe::Protocol() const {
  return {{"reference_pictures", data_.train_indices.size()},
          {"scored_pictures", data_.test_indices.size()},
          {"every_steps", spec_.every_steps()},
          {"classes", data_.classes},
          {"label_digest", opened_->facts.label_digest}};
}

}  // namespace pretext
