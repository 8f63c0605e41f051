#include "worker/train/evaluate_stage.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/eval/feature_extractor.h"
#include "worker/eval/knn_probe.h"
#include "worker/eval/linear_probe.h"
#include "worker/tasks/normalization.h"
#include "worker/train/initial_weights.h"
#include "worker/train/judgement.h"
#include "worker/train/labelled_split.h"
#include "worker/train/picture_pass.h"
#include "worker/train/resolve_stage.h"

namespace pretext {
namespace {

constexpr int kHeldOutShare = 5;

// Features of labelled pictures, those that could be read.
struct Features {
  at::Tensor rows;
  std::vector<int64_t> labels;
};

// Everything an evaluating stage is made of, in the order it is made.
class EvaluateRun {
 public:
  explicit EvaluateRun(const StageRun& run) : run_(run) {}

  absl::StatusOr<StageResult> Run() {
    run_.job->reporter->BeginStage(run_.name(), 0);
    PRETEXT_RETURN_IF_ERROR(OpenData());
    PRETEXT_RETURN_IF_ERROR(MakeNetwork());
    PRETEXT_RETURN_IF_ERROR(Extract());
    if (stage_.has_knn()) PRETEXT_RETURN_IF_ERROR(Knn());
    if (stage_.has_linear()) PRETEXT_RETURN_IF_ERROR(Linear());
    result_.found["protocol"] = absl::StrCat("frozen features, judged on ", data_.protocol);
    result_.found["features_of"] = initial_.source;
    result_.found["labels"] = {{"pictures", reference_.labels.size()},
                               {"classes", data_.classes},
                               {"digest", train_->facts.label_digest}};
    if (test_ != nullptr) result_.found["test_labels_digest"] = test_->facts.label_digest;
    return std::move(result_);
  }

 private:
  absl::Status OpenData() {
    stage_ = run_.stage().evaluate();
    PRETEXT_ASSIGN_OR_RETURN(initial_, FindInitialWeights(run_.job->spec, run_.index));
    PRETEXT_ASSIGN_OR_RETURN(train_, run_.datasets->Open(WithChannels(run_.DataOf(stage_), initial_.card)));
    if (stage_.has_test()) {
      v1::DataSpec test = stage_.test();
      test.set_channels(train_->dataset->channels());
      PRETEXT_ASSIGN_OR_RETURN(test_, run_.datasets->Open(test));
    }
    PRETEXT_ASSIGN_OR_RETURN(
        data_,
        JoinJudgedData(*train_->dataset, test_ == nullptr ? nullptr : test_->dataset.get(), kHeldOutShare));
    run_.LogData("the data", train_->facts);
    if (test_ != nullptr) run_.LogData("the test data", test_->facts);
    return absl::OkStatus();
  }

  absl::Status MakeNetwork() {
    StageFacts facts;
    facts.data = train_->facts;
    facts.channels = train_->dataset->channels();
    facts.initial = initial_.card;
    PRETEXT_ASSIGN_OR_RETURN(facts.backbone, ChooseBackbone(initial_, stage_.backbone(), facts.channels));
    PRETEXT_ASSIGN_OR_RETURN(const std::vector<ResolvedField> fields, ResolveEvaluate(facts, &stage_));
    v1::Stage resolved = run_.stage();
    *resolved.mutable_evaluate() = stage_;
    PRETEXT_RETURN_IF_ERROR(run_.Resolved(resolved, fields));
    BackboneOptions network = facts.backbone;
    network.small_stem = stage_.backbone().stem() == v1::BackboneSpec::SMALL;
    PRETEXT_ASSIGN_OR_RETURN(
        InitialBackbone made,
        MakeInitialBackbone(initial_, network, run_.job->spec.seed(), run_.index, run_.job->device));
    run_.LogOnce(absl::StrCat("stage ", run_.name(), ": ", made.summary));
    backbone_ = std::move(made.backbone);
    return absl::OkStatus();
  }

  absl::StatusOr<Features> ExtractFrom(const FeatureExtractor& extractor, const Dataset& dataset,
                                       const std::vector<int64_t>& indices,
                                       const std::vector<int64_t>& labels, double max_broken_share) {
    PicturePass pass;
    pass.dataset = &dataset;
    pass.indices = indices;
    pass.image_size = stage_.image_size();
    pass.max_broken_share = max_broken_share;
    pass.compute = [&](const at::Tensor& pictures) { return extractor.Extract(pictures); };
    pass.tell = [this, of = static_cast<int64_t>(indices.size())](int64_t done) {
      run_.TellPhase("evaluating", done, of);
    };
    PRETEXT_ASSIGN_OR_RETURN(PictureRows passed, PassOverPictures(*run_.job, pass));
    Features features;
    features.rows = std::move(passed.rows);
    for (const int64_t position : passed.positions) features.labels.push_back(labels[position]);
    return features;
  }

  absl::Status Extract() {
    const Normalization normalization = NormalizationFor(backbone_->options().in_channels);
    const FeatureExtractor extractor(backbone_, normalization.mean, normalization.std, run_.job->device);
    const double share = run_.DataOf(stage_).max_broken_share();
    PRETEXT_ASSIGN_OR_RETURN(
        reference_, ExtractFrom(extractor, *data_.train, data_.train_indices, data_.train_labels, share));
    PRETEXT_ASSIGN_OR_RETURN(queries_,
                             ExtractFrom(extractor, *data_.test, data_.test_indices, data_.test_labels,
                                         stage_.has_test() ? stage_.test().max_broken_share() : share));
    return absl::OkStatus();
  }

  absl::Status Knn() {
    KnnOptions options;
    options.neighbours = stage_.knn().neighbours();
    options.temperature = stage_.knn().temperature();
    PRETEXT_ASSIGN_OR_RETURN(const KnnResult voted,
                             KnnProbe(reference_.rows, reference_.labels,
                                      static_cast<int>(data_.classes.size()), queries_.rows, options));
    Tell("knn", Judge(voted.scores, voted.predictions, queries_.labels));
    result_.found["knn"]["neighbours"] = options.neighbours;
    result_.found["knn"]["temperature"] = options.temperature;
    return absl::OkStatus();
  }

  absl::Status Linear() {
    LinearProbeOptions options;
    options.penalties.assign(stage_.linear().penalties().begin(), stage_.linear().penalties().end());
    PRETEXT_ASSIGN_OR_RETURN(
        const LinearProbe probe,
        FitLinearProbe(reference_.rows, reference_.labels, static_cast<int>(data_.classes.size()), options));
    const at::Tensor scores = probe.Logits(queries_.rows);
    Tell("linear", Judge(scores, probe.Predict(queries_.rows), queries_.labels));
    result_.found["linear"]["penalty"] = probe.penalty;
    result_.found["linear"]["held_out_accuracy"] = probe.held_out_accuracy;
    result_.found["linear"]["converged"] = probe.converged;
    return absl::OkStatus();
  }

  void Tell(const std::string& probe, const Judgement& judgement) {
    run_.AddMetrics(0, JudgementMetrics(judgement, probe + "_top1", probe + "_"));
    run_.LogOnce(absl::StrCat("stage ", run_.name(), ": ", probe, " recognises ", JudgementText(judgement)));
    result_.found[probe] = JudgementJson(judgement);
  }

  const StageRun& run_;
  v1::EvaluateStage stage_;  // with every value
  InitialWeights initial_;
  std::shared_ptr<const OpenedDataset> train_, test_;  // test_ null: a part is held out
  JudgedData data_;
  Backbone backbone_;
  Features reference_, queries_;
  StageResult result_;
};

}  // namespace

absl::StatusOr<StageResult> RunEvaluateStage(const StageRun& run) { return EvaluateRun(run).Run(); }

}  // namespace pretext
