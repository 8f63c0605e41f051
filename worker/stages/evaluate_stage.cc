#include "worker/stages/evaluate_stage.h"

#include <ATen/ops/cat.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/eval/feature_extractor.h"
#include "worker/eval/knn_probe.h"
#include "worker/eval/linear_probe.h"
#include "worker/stages/judged_stage.h"
#include "worker/stages/judgement.h"
#include "worker/stages/picture_pass.h"
#include "worker/stages/resolve_stage.h"
#include "worker/stages/stage_setup.h"
#include "worker/tasks/normalization.h"

namespace pretext {
namespace {

constexpr int kHeldOutShare = 5;

// Features of labelled pictures, those that could be read.
struct Features {
  at::Tensor rows;  // (N, all blocks' features one after the other), or of the last block alone
  std::vector<int64_t> labels;
};

// Everything an evaluating stage is made of, in the order it is made.
class EvaluateRun {
 public:
  explicit EvaluateRun(const StageRun& run) : run_(run) {}

  absl::StatusOr<StageResult> Run() {
    run_.job->reporter->BeginStage(run_.name(), 0);
    stage_ = run_.stage().evaluate();
    PRETEXT_ASSIGN_OR_RETURN(
        judged_, OpenJudgedStage(run_, run_.DataOf(stage_), stage_.has_test() ? &stage_.test() : nullptr,
                                 kHeldOutShare));
    PRETEXT_RETURN_IF_ERROR(MakeNetwork());
    PRETEXT_RETURN_IF_ERROR(Extract());
    if (stage_.has_knn()) PRETEXT_RETURN_IF_ERROR(Knn());
    if (stage_.has_linear())
      PRETEXT_RETURN_IF_ERROR(Linear("linear", LastBlock(reference_), LastBlock(queries_)));
    if (stage_.linear().each_block()) PRETEXT_RETURN_IF_ERROR(LinearOfEachBlock());
    result_.found["protocol"] = absl::StrCat("frozen features, judged on ", judged_.data.protocol);
    result_.found["features_of"] = judged_.initial.source;
    RecordLabels(judged_, reference_.labels, queries_.labels, &result_.found);
    return std::move(result_);
  }

 private:
  absl::Status MakeNetwork() {
    PRETEXT_ASSIGN_OR_RETURN(const StageFacts facts,
                             FactsOf(run_, *judged_.train, judged_.initial, stage_.backbone()));
    PRETEXT_ASSIGN_OR_RETURN(const std::vector<ResolvedField> fields, ResolveEvaluate(facts, &stage_));
    v1::Stage resolved = run_.stage();
    *resolved.mutable_evaluate() = stage_;
    PRETEXT_RETURN_IF_ERROR(run_.RecordResolved(resolved, fields));
    PRETEXT_ASSIGN_OR_RETURN(InitialBackbone made,
                             MakeBackboneOf(run_, judged_.initial, NetworkOf(facts, stage_.backbone())));
    backbone_ = std::move(made.backbone);
    result_.found["initial_weights"] = std::move(made.found);
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
    pass.compute = [&](const at::Tensor& pictures) {
      return stage_.linear().each_block() ? at::cat(extractor.ExtractLayers(pictures), 1)
                                          : extractor.Extract(pictures);
    };
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
    const JudgedData& data = judged_.data;
    PRETEXT_ASSIGN_OR_RETURN(reference_,
                             ExtractFrom(extractor, *data.train, data.train_indices, data.train_labels,
                                         judged_.train_spec.max_broken_share()));
    PRETEXT_ASSIGN_OR_RETURN(queries_, ExtractFrom(extractor, *data.test, data.test_indices, data.test_labels,
                                                   judged_.test_spec.max_broken_share()));
    return absl::OkStatus();
  }

  absl::Status Knn() {
    KnnOptions options;
    options.neighbours = stage_.knn().neighbours();
    options.temperature = stage_.knn().temperature();
    PRETEXT_ASSIGN_OR_RETURN(const KnnResult voted, KnnProbe(LastBlock(reference_).rows, reference_.labels,
                                                             classes(), LastBlock(queries_).rows, options));
    Tell("knn", Judge(voted.scores, voted.predictions, queries_.labels));
    result_.found["knn"]["neighbours"] = options.neighbours;
    result_.found["knn"]["temperature"] = options.temperature;
    return absl::OkStatus();
  }

  // Of the features from column `begin` on.
  static Features Columns(const Features& features, int64_t begin, int64_t size) {
    return {features.rows.narrow(1, begin, size), features.labels};
  }
  Features LastBlock(const Features& features) const {
    const int64_t size = backbone_->feature_size();
    return Columns(features, features.rows.size(1) - size, size);
  }

  absl::Status LinearOfEachBlock() {
    int64_t begin = 0;
    int block = 0;
    for (const int size : backbone_->map_channels()) {
      PRETEXT_RETURN_IF_ERROR(Linear(absl::StrCat("linear_layer", ++block), Columns(reference_, begin, size),
                                     Columns(queries_, begin, size)));
      begin += size;
    }
    return absl::OkStatus();
  }

  absl::Status Linear(const std::string& name, const Features& reference, const Features& queries) {
    LinearProbeOptions options;
    options.seed = run_.job->spec.seed();
    options.penalties.assign(stage_.linear().penalties().begin(), stage_.linear().penalties().end());
    PRETEXT_ASSIGN_OR_RETURN(const LinearProbe probe,
                             FitLinearProbe(reference.rows, reference.labels, classes(), options));
    const at::Tensor scores = probe.Logits(queries.rows);
    Tell(name, Judge(scores, probe.Predict(queries.rows), queries.labels));
    result_.found[name]["penalty"] = probe.penalty;
    result_.found[name]["held_out_accuracy"] = probe.held_out_accuracy;
    result_.found[name]["converged"] = probe.converged;
    const std::string remark = ConvergenceRemark(probe);
    if (!remark.empty()) run_.WarnOnce(absl::StrCat("stage ", run_.name(), ": ", remark));
    return absl::OkStatus();
  }

  void Tell(const std::string& probe, const Judgement& judgement) {
    run_.AddMetrics(0, JudgementMetrics(judgement, probe + "_top1", probe + "_"));
    run_.LogOnce(absl::StrCat("stage ", run_.name(), ": ", probe, " recognises ", JudgementText(judgement)));
    result_.found[probe] = JudgementJson(judgement);
  }

  int classes() const { return static_cast<int>(judged_.data.classes.size()); }

  const StageRun& run_;
  v1::EvaluateStage stage_;  // with every value
  JudgedStage judged_;
  Backbone backbone_;
  Features reference_, queries_;
  StageResult result_;
};

}  // namespace

absl::StatusOr<StageResult> RunEvaluateStage(const StageRun& run) { return EvaluateRun(run).Run(); }

}  // namespace pretext
