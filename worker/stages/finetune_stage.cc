#include "worker/stages/finetune_stage.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/augment/view_pipeline.h"
#include "worker/checkpoint/export_weights.h"
#include "worker/data/subset_dataset.h"
#include "worker/models/batch_norm.h"
#include "worker/optim/parameter_groups.h"
#include "worker/stages/classifier.h"
#include "worker/stages/finetune_objective.h"
#include "worker/stages/initial_weights.h"
#include "worker/stages/judged_stage.h"
#include "worker/stages/judgement.h"
#include "worker/stages/picture_pass.h"
#include "worker/stages/resolve_stage.h"
#include "worker/stages/stage_setup.h"
#include "worker/train/stage_training.h"

namespace pretext {
namespace {

constexpr int kHeldOutShare = 10;
constexpr int kHeadPart = 1000;  // of SeedFreshWeights, beyond the tasks' numbers
constexpr int kDropoutPart = 1001;

// Everything a fine-tuning stage is made of, in the order it is made.
class FinetuneRun {
 public:
  explicit FinetuneRun(const StageRun& run) : run_(run), group_(run.job->process_group) {}

  absl::StatusOr<StageResult> Run() {
    PRETEXT_RETURN_IF_ERROR(OpenData());
    PRETEXT_RETURN_IF_ERROR(Resolve());
    PRETEXT_RETURN_IF_ERROR(MakeNetwork());
    PRETEXT_RETURN_IF_ERROR(Train());
    PRETEXT_RETURN_IF_ERROR(Test());
    return Finish();
  }

 private:
  absl::Status OpenData() {
    stage_ = run_.stage().finetune();
    PRETEXT_ASSIGN_OR_RETURN(
        judged_, OpenJudgedStage(run_, run_.DataOf(stage_), stage_.has_test() ? &stage_.test() : nullptr,
                                 kHeldOutShare));
    labelled_ = std::make_unique<SubsetDataset>(judged_.train->dataset.get(), judged_.data.train_indices);
    return absl::OkStatus();
  }

  absl::Status Resolve() {
    PRETEXT_ASSIGN_OR_RETURN(StageFacts facts,
                             FactsOf(run_, *judged_.train, judged_.initial, stage_.backbone()));
    PRETEXT_ASSIGN_OR_RETURN(facts.faster, run_.ChoosePrecision());
    PRETEXT_ASSIGN_OR_RETURN(const std::vector<ResolvedField> fields,
                             ResolveFinetune(facts, labelled_->size(), &stage_));
    v1::Stage resolved = run_.stage();
    *resolved.mutable_finetune() = stage_;
    PRETEXT_RETURN_IF_ERROR(run_.RecordResolved(resolved, fields));
    network_ = NetworkOf(facts, stage_.backbone());
    return absl::OkStatus();
  }

  absl::Status MakeNetwork() {
    const uint64_t seed = run_.job->spec.seed();
    PRETEXT_ASSIGN_OR_RETURN(backbone_, MakeBackboneOf(run_, judged_.initial, network_));
    SeedFreshWeights(seed, run_.index, kHeadPart);
    classifier_ = std::make_unique<Classifier>(
        stage_.recipe() == v1::FinetuneStage::LINEAR_PROBE ? Classifier::Kind::kLinear
                                                           : Classifier::Kind::kFastai,
        backbone_->feature_size(), static_cast<int>(judged_.data.classes.size()));
    classifier_->module().to(run_.job->device);
    SetBatchNormGroups(classifier_->module(), network_.bn_groups);
    groups_ = LayerGroups(*backbone_, classifier_->module());

    FinetuneOptions options;
    options.plan = PlanFinetune(stage_, StepsPerEpoch(labelled_->size(), stage_.batch_size()),
                                static_cast<int>(groups_.size()));
    options.label_smoothing = stage_.classify().label_smoothing();
    options.classes = static_cast<int>(judged_.data.classes.size());
    options.dropout_seed = PartSeed(seed, run_.index, kDropoutPart);
    options.rank = group_->rank();
    steps_ = options.plan.steps();
    std::string phases;
    for (const RecipePhase& phase : options.plan.phases) {
      absl::StrAppend(&phases, phases.empty() ? "" : ", then ", phase.name, " for ", phase.steps, " steps");
      if (phase.first_trained == 0) continue;
      absl::StrAppend(&phases, phase.frozen_norms_train
                                   ? " (frozen groups' batch-norm trains; freeze_bn keeps it still)"
                                   : " (frozen groups' batch-norm stays as it is)");
    }
    run_.LogOnce(absl::StrCat("stage ", run_.name(), ": ", labelled_->size(), " labelled pictures of ",
                              judged_.data.classes.size(), " classes; ", phases));
    objective_ = std::make_unique<FinetuneObjective>(options, backbone_, classifier_.get(), groups_);
    return absl::OkStatus();
  }

  absl::Status Train() {
    v1::OptimizerSpec spec;
    spec.set_kind(v1::OptimizerSpec::ADAMW);
    spec.set_learning_rate(stage_.learning_rate());
    spec.set_momentum(0.9);
    spec.set_weight_decay(stage_.weight_decay());
    spec.set_clip_norm(0);
    const std::unique_ptr<Optimizer> optimizer = MakeOptimizer(spec, groups_);
    const int size = stage_.image_size();
    const auto views = std::make_shared<ViewPipeline>(stage_.augment(), size, labelled_->channels());
    StageTraining training;
    training.objective = objective_.get();
    training.optimizer = optimizer.get();
    training.modules = {{"backbone", backbone_.get()}, {"head", &classifier_->module()}};
    training.facts = {{"pictures", labelled_->size()},
                      {"labels", judged_.train->facts.label_digest},
                      {"bn_groups", stage_.backbone().bn_groups()},
                      {"precision", v1::Precision_Name(stage_.precision())}};
    training.dataset = labelled_.get();
    training.batch_size = stage_.batch_size();
    training.layout = {{"picture", ElementType::kUint8, {size, size, labelled_->channels()}},
                       {"label", ElementType::kInt64, {}}};
    training.builder = [views](const Sample& sample, const RngKey& key, const ExampleSlot& slot) {
      Rng rng(key);
      views->Render(*sample.image, rng, slot.field<uint8_t>(0));
      slot.field<int64_t>(1)[0] = sample.label;
    };
    training.max_broken_share = judged_.train_spec.max_broken_share();
    training.steps = steps_;
    training.precision = stage_.precision();
    PRETEXT_ASSIGN_OR_RETURN(newest_, TrainStage(run_, training));
    return absl::OkStatus();
  }

  absl::Status Test() {
    PicturePass pass;
    pass.dataset = judged_.data.test;
    pass.indices = judged_.data.test_indices;
    pass.image_size = stage_.image_size();
    pass.max_broken_share = judged_.test_spec.max_broken_share();
    pass.compute = [this](const at::Tensor& pictures) { return objective_->Predict(pictures); };
    pass.tell = [this, of = static_cast<int64_t>(pass.indices.size())](int64_t done) {
      run_.TellPhase("evaluating", done, of);
    };
    PRETEXT_ASSIGN_OR_RETURN(const PictureRows scored, PassOverPictures(*run_.job, pass));
    for (const int64_t position : scored.positions) {
      tested_.push_back(judged_.data.test_labels[position]);
    }
    judgement_ = Judge(scored.rows, BestClasses(scored.rows), tested_);
    run_.AddMetrics(steps_, JudgementMetrics(judgement_, "test_accuracy", "test_"));
    run_.LogOnce(absl::StrCat("stage ", run_.name(), ": last weights recognise ", JudgementText(judgement_),
                              "; ", judged_.data.protocol));
    return absl::OkStatus();
  }

  absl::StatusOr<StageResult> Finish() {
    StageResult result;
    if (run_.is_first_rank()) {
      StageExport exported;
      exported.output = run_.output();
      exported.stage = run_.name();
      exported.backbone = backbone_.get();
      exported.card = run_.CardOf(network_, stage_.image_size(), "classify");
      exported.head = {classifier_->ExportedTensors(), judged_.data.classes};
      exported.is_the_jobs = IsTheJobsBackbone(run_.job->spec, run_.index);
      PRETEXT_ASSIGN_OR_RETURN(result.files, ExportStage(exported));
    }
    result.found["recipe"] = v1::FinetuneStage::Recipe_Name(stage_.recipe());
    result.found["started_from"] = judged_.initial.source;
    result.found["test"] = JudgementJson(judgement_);
    result.found["protocol"] = absl::StrCat("last weights, judged once on ", judged_.data.protocol);
    RecordLabels(judged_, judged_.data.train_labels, tested_, &result.found);
    result.found["steps"] = steps_;
    for (const auto& [name, value] : newest_) result.found["last"][name] = value;
    return result;
  }

  const StageRun& run_;
  ProcessGroup* group_;
  v1::FinetuneStage stage_;  // with every value
  JudgedStage judged_;
  std::unique_ptr<SubsetDataset> labelled_;
  BackboneOptions network_;
  Backbone backbone_;
  std::unique_ptr<Classifier> classifier_;
  std::vector<ParameterGroup> groups_;
  std::unique_ptr<FinetuneObjective> objective_;
  int64_t steps_ = 0;
  std::map<std::string, double> newest_;  // of each metric
  std::vector<int64_t> tested_;           // classes of the pictures judged
  Judgement judgement_;
};

}  // namespace

absl::StatusOr<StageResult> RunFinetuneStage(const StageRun& run) { return FinetuneRun(run).Run(); }

}  // namespace pretext
