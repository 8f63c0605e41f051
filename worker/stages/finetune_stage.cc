#include "worker/stages/finetune_stage.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
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
#include "worker/stages/unlabelled_pictures.h"
#include "worker/stages/unlabelled_set.h"
#include "worker/train/stage_training.h"

namespace pretext {
namespace {

constexpr int kHeldOutShare = 10;
constexpr int kHeadPart = 1000;  // of SeedFreshWeights, beyond the tasks' numbers
constexpr int kDropoutPart = 1001;
constexpr double kFewConfident = 0.01;  // of the unlabelled pictures

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
    if (!LearnsFromUnlabelled(stage_)) return absl::OkStatus();
    unlabelled_.emplace();
    PRETEXT_ASSIGN_OR_RETURN(*unlabelled_, OpenUnlabelled(run_, stage_.unlabelled(), judged_));
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
    PRETEXT_ASSIGN_OR_RETURN(InitialBackbone made, MakeBackboneOf(run_, judged_.initial, network_));
    backbone_ = std::move(made.backbone);
    initial_found_ = std::move(made.found);
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
    if (unlabelled_.has_value()) options.unlabelled = MakeUnlabelled();
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

  // What is learnt from unlabelled pictures, and a line that says what it costs.
  UnlabelledLearning MakeUnlabelled() {
    const v1::UnlabelledSpec& spec = stage_.unlabelled();
    UnlabelledPicturesOptions options;
    options.dataset = unlabelled_->pictures.get();
    options.labelled = labelled_->size();
    options.ratio = spec.ratio();
    options.image_size = stage_.image_size();
    options.augment = stage_.augment();
    options.copy_augment = spec.augment();
    options.max_broken_share = unlabelled_->max_broken_share;
    unlabelled_pictures_ = std::make_shared<UnlabelledPictures>(options);
    const int64_t beside = int64_t{stage_.batch_size()} * spec.ratio();
    run_.LogOnce(absl::StrCat("stage ", run_.name(), ": learns without labels too, by ",
                              v1::UnlabelledSpec::Method_Name(spec.method()), ", from ",
                              unlabelled_->protocol, "; each step takes ", beside, " of them beside ",
                              stage_.batch_size(), " labelled ones, forward as they are and forward and ",
                              "back as changed copies"));
    if (unlabelled_->pictures->size() <= labelled_->size()) {
      run_.WarnOnce(absl::StrCat("stage ", run_.name(), ": there are no more unlabelled pictures (",
                                 unlabelled_->pictures->size(), ") than labelled ones (", labelled_->size(),
                                 "), so there is little to learn from them; name more as unlabelled.data"));
    }
    return {spec, network_.bn_groups, group_, unlabelled_pictures_.get()};
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
    training.builder = [views, unlabelled = unlabelled_pictures_](const Sample& sample, const RngKey& key,
                                                                  const ExampleSlot& slot) {
      Rng rng(key);
      views->Render(*sample.image, rng, slot.field<uint8_t>(0));
      slot.field<int64_t>(1)[0] = sample.label;
      if (unlabelled != nullptr) unlabelled->Render(key, slot.Part(2, 2));
    };
    if (unlabelled_.has_value()) {
      for (const Field& field : unlabelled_pictures_->layout()) training.layout.push_back(field);
      training.facts["unlabelled"] = unlabelled_->pictures->size();
    }
    training.max_broken_share = judged_.train_spec.max_broken_share();
    training.steps = steps_;
    training.precision = stage_.precision();
    PRETEXT_ASSIGN_OR_RETURN(newest_, TrainStage(run_, training));
    if (unlabelled_.has_value()) TellOfUnlabelled();
    return absl::OkStatus();
  }

  void TellOfUnlabelled() {
    for (const std::string& picture : unlabelled_pictures_->broken()) {
      run_.job->reporter->Log(v1::LogLine::WARNING, absl::StrCat("picture left out: ", picture));
    }
    const auto share = newest_.find("confident_share");
    if (share == newest_.end() || share->second >= kFewConfident) return;
    run_.WarnOnce(
        absl::StrFormat("stage %s: at the end only %.1f %% of the unlabelled pictures were predicted with a "
                        "confidence of %g, so "
                        "hardly anything was learnt from them; lower unlabelled.confidence or train longer",
                        run_.name(), 100 * share->second, stage_.unlabelled().confidence()));
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
    result.found["initial_weights"] = initial_found_;
    result.found["test"] = JudgementJson(judgement_);
    result.found["protocol"] = absl::StrCat("last weights, judged once on ", judged_.data.protocol);
    RecordLabels(judged_, judged_.data.train_labels, tested_, &result.found);
    if (unlabelled_.has_value()) {
      result.found["unlabelled"] = {{"method", v1::UnlabelledSpec::Method_Name(stage_.unlabelled().method())},
                                    {"pictures", unlabelled_->pictures->size()},
                                    {"protocol", unlabelled_->protocol},
                                    {"ratio", stage_.unlabelled().ratio()},
                                    {"weight", stage_.unlabelled().weight()}};
    }
    result.found["steps"] = steps_;
    for (const auto& [name, value] : newest_) result.found["last"][name] = value;
    return result;
  }

  const StageRun& run_;
  ProcessGroup* group_;
  v1::FinetuneStage stage_;  // with every value
  JudgedStage judged_;
  nlohmann::ordered_json initial_found_;  // what became of the weights it started from
  std::unique_ptr<SubsetDataset> labelled_;
  std::optional<UnlabelledSet> unlabelled_;  // where the stage learns from such
  std::shared_ptr<UnlabelledPictures> unlabelled_pictures_;
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
