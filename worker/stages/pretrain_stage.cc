#include "worker/stages/pretrain_stage.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "proto/cpp/status_macros.h"
#include "worker/checkpoint/export_weights.h"
#include "worker/optim/parameter_groups.h"
#include "worker/stages/consistency.h"
#include "worker/stages/initial_weights.h"
#include "worker/stages/learnt_weights.h"
#include "worker/stages/pretrain_objective.h"
#include "worker/stages/pretrain_probe.h"
#include "worker/stages/resolve_stage.h"
#include "worker/stages/shortcut_check.h"
#include "worker/stages/stage_setup.h"
#include "worker/tasks/copies_view_builder.h"
#include "worker/tasks/registry.h"
#include "worker/train/stage_training.h"

namespace pretext {
namespace {

constexpr int kConsistencyPart = 1001;  // of SeedFreshWeights, beyond the tasks' numbers

// Everything a pretraining stage is made of, in the order it is made.
class PretrainRun {
 public:
  explicit PretrainRun(const StageRun& run) : run_(run), group_(run.job->process_group) {}

  absl::StatusOr<StageResult> Run() {
    PRETEXT_RETURN_IF_ERROR(Resolve());
    PRETEXT_RETURN_IF_ERROR(MakeBackboneAndTasks());
    PRETEXT_RETURN_IF_ERROR(OpenProbe());
    PRETEXT_RETURN_IF_ERROR(Train());
    return Finish();
  }

 private:
  absl::Status Resolve() {
    stage_ = run_.stage().pretrain();
    PRETEXT_ASSIGN_OR_RETURN(initial_, FindInitialWeights(run_.job->spec, run_.index));
    PRETEXT_ASSIGN_OR_RETURN(data_, run_.datasets->Open(WithChannels(run_.DataOf(stage_), initial_.card)));
    run_.LogData("the data", data_->facts);
    PRETEXT_ASSIGN_OR_RETURN(StageFacts facts, FactsOf(run_, *data_, initial_, stage_.backbone()));
    PRETEXT_ASSIGN_OR_RETURN(facts.faster, run_.ChoosePrecision());
    PRETEXT_ASSIGN_OR_RETURN(const std::vector<ResolvedField> fields, ResolvePretrain(facts, &stage_));
    v1::Stage resolved = run_.stage();
    *resolved.mutable_pretrain() = stage_;
    PRETEXT_RETURN_IF_ERROR(run_.RecordResolved(resolved, fields));

    network_ = NetworkOf(facts, stage_.backbone());
    steps_ = stage_.has_max_steps()
                 ? stage_.max_steps()
                 : StepsPerEpoch(data_->dataset->size(), stage_.batch_size()) * stage_.epochs();
    return absl::OkStatus();
  }

  TaskContext ContextOf(const v1::TaskSpec& task) const {
    TaskContext context;
    context.spec = task;
    context.image_size = stage_.image_size();
    context.dataset = data_->dataset.get();
    context.facts = &data_->facts;
    context.seed = run_.job->spec.seed();
    context.stage = static_cast<uint32_t>(run_.index);
    context.micro_batch_size = stage_.batch_size() / stage_.accumulation();
    context.steps = steps_;
    return context;
  }

  absl::Status MakeBackboneAndTasks() {
    PRETEXT_ASSIGN_OR_RETURN(InitialBackbone made, MakeBackboneOf(run_, initial_, network_));
    backbone_ = std::move(made.backbone);
    initial_found_ = std::move(made.found);
    TrainContext train{backbone_, group_, run_.job->device};
    std::vector<CombinedViewBuilder::Part> parts;
    std::vector<WeightedTask> tasks;
    for (const v1::TaskSpec& task : stage_.tasks()) {
      PRETEXT_ASSIGN_OR_RETURN(const TaskEntry* entry, FindTask(task));
      const TaskContext context = ContextOf(task);
      PRETEXT_RETURN_IF_ERROR(entry->check(context));
      CombinedViewBuilder::Part part;
      part.name = std::string(entry->name);
      PRETEXT_ASSIGN_OR_RETURN(part.builder, entry->make_view_builder(context));
      parts.push_back(std::move(part));
      WeightedTask weighted;
      weighted.name = std::string(entry->name);
      weighted.weight = task.weight();
      SeedFreshWeights(run_.job->spec.seed(), run_.index, entry->kind);
      PRETEXT_ASSIGN_OR_RETURN(weighted.task, entry->make_task(context, train));
      tasks.push_back(std::move(weighted));
    }
    MakeViews(std::move(parts), &tasks);
    objective_ = std::make_unique<PretrainObjective>(stage_, steps_, backbone_, std::move(tasks),
                                                     MakeConsistency(train), MakeWeights());
    run_.LogOnce(absl::StrFormat(
        "stage %s: %d steps of %d pictures of %d pixels, %s with a peak rate of %g for the whole batch, %d "
        "batch-norm groups, %s; a network that knows nothing has a loss of %.4f",
        run_.name(), steps_, stage_.batch_size(), stage_.image_size(),
        v1::OptimizerSpec::Kind_Name(stage_.optimizer().kind()), stage_.optimizer().learning_rate(),
        stage_.backbone().bn_groups(), v1::Precision_Name(stage_.precision()),
        objective_->ChanceLosses()[0].second));
    for (const WeightedTask& weighted : objective_->tasks()) {
      const int64_t preparing = weighted.task->preparing_steps();
      if (preparing == 0) continue;
      run_.LogOnce(absl::StrCat("stage ", run_.name(), ": ", weighted.name, " has no loss in the first ",
                                preparing,
                                " steps, in which it trains what it needs; the backbone rests from it"));
    }
    return absl::OkStatus();
  }

  absl::Status OpenProbe() {
    if (!stage_.has_probe()) return absl::OkStatus();
    PRETEXT_ASSIGN_OR_RETURN(probe_, PretrainProbe::Open(&run_, stage_, steps_, backbone_));
    return absl::OkStatus();
  }

  bool compares_copies() const { return stage_.has_consistency() && stage_.consistency().weight() > 0; }

  // The builder of the stage's examples; tells the tasks where their fields are.
  void MakeViews(std::vector<CombinedViewBuilder::Part> parts, std::vector<WeightedTask>* tasks) {
    const auto views = std::make_shared<CombinedViewBuilder>(std::move(parts));
    for (size_t i = 0; i < tasks->size(); ++i) (*tasks)[i].share = views->shares()[i];
    views_ = views;
    if (!compares_copies()) return;
    CopiesViewBuilder::Options options;
    options.augment = stage_.consistency().augment();
    options.image_size = stage_.image_size();
    options.copies = Consistency::CopiesOf(stage_.consistency());
    for (size_t i = 0; i < tasks->size(); ++i) {
      if ((*tasks)[i].weight > 0) options.tasks.push_back(static_cast<int>(i));
    }
    const auto copies = std::make_shared<CopiesViewBuilder>(views, options);
    for (size_t i = 0; i < tasks->size(); ++i) (*tasks)[i].copies = copies->SharesOf(static_cast<int>(i));
    views_ = copies;
  }

  std::unique_ptr<Consistency> MakeConsistency(const TrainContext& train) const {
    if (!compares_copies()) return nullptr;
    SeedFreshWeights(run_.job->spec.seed(), run_.index, kConsistencyPart);
    return std::make_unique<Consistency>(
        ConsistencyOptions{stage_.consistency(), steps_, run_.job->spec.seed(),
                           static_cast<uint32_t>(run_.index)},
        train);
  }

  std::shared_ptr<LearntWeights> MakeWeights() const {
    if (stage_.weighting() != v1::PretrainStage::UNCERTAINTY) return nullptr;
    const auto trained = std::count_if(stage_.tasks().begin(), stage_.tasks().end(),
                                       [](const v1::TaskSpec& task) { return task.weight() > 0; });
    auto weights = std::make_shared<LearntWeights>(trained);
    weights->to(run_.job->device);
    return weights;
  }

  // A module beside backbone and tasks that checkpoints hold and the optimizer trains.
  static void AddModule(const std::string& name, torch::nn::Module* module, StageTraining* training,
                        ParameterGroup* group) {
    if (module == nullptr) return;
    training->modules[name] = module;
    for (auto& parameter : TrainedParameters(*module, name + "."))
      group->parameters.push_back(std::move(parameter));
  }

  absl::Status Train() {
    StageTraining training;
    ParameterGroup group{"all", TrainedParameters(*backbone_, "backbone.")};
    training.modules["backbone"] = backbone_.get();
    for (const WeightedTask& weighted : objective_->tasks()) {
      torch::nn::Module& module = weighted.task->module();
      training.modules[weighted.name] = &module;
      if (weighted.weight == 0) continue;
      for (auto& parameter : TrainedParameters(module, weighted.name + ".")) {
        group.parameters.push_back(std::move(parameter));
      }
    }
    if (objective_->consistency() != nullptr) {
      AddModule("consistency", objective_->consistency()->module(), &training, &group);
    }
    AddModule("weighting", objective_->weights(), &training, &group);
    const std::unique_ptr<Optimizer> optimizer = MakeOptimizer(stage_.optimizer(), {std::move(group)});
    training.objective = objective_.get();
    training.optimizer = optimizer.get();
    training.facts = {{"pictures", data_->dataset->size()},
                      {"bn_groups", stage_.backbone().bn_groups()},
                      {"precision", v1::Precision_Name(stage_.precision())}};
    training.dataset = data_->dataset.get();
    training.batch_size = stage_.batch_size();
    training.layout = views_->layout();
    training.builder = [views = views_](const Sample& sample, const RngKey& key, const ExampleSlot& slot) {
      views->Build(sample, key, slot);
    };
    training.max_broken_share = run_.DataOf(stage_).max_broken_share();
    ShortcutCheck shortcuts(run_.job, data_->dataset.get(), views_.get(), objective_.get());
    training.observers.push_back(&shortcuts);
    if (probe_ != nullptr) training.observers.push_back(probe_.get());
    training.steps = steps_;
    training.accumulation = stage_.accumulation();
    training.clip_norm = stage_.optimizer().clip_norm();
    training.precision = stage_.precision();
    PRETEXT_ASSIGN_OR_RETURN(newest_, TrainStage(run_, training));
    return absl::OkStatus();
  }

  absl::StatusOr<StageResult> Finish() {
    StageResult result;
    std::vector<std::string> names;
    for (const WeightedTask& weighted : objective_->tasks()) {
      if (weighted.weight > 0) names.push_back(weighted.name);
    }
    if (run_.is_first_rank()) {
      StageExport exported;
      exported.output = run_.output();
      exported.stage = run_.name();
      exported.backbone = backbone_.get();
      exported.card = run_.CardOf(network_, stage_.image_size(), absl::StrJoin(names, "+"));
      PRETEXT_ASSIGN_OR_RETURN(result.files, ExportStage(exported));
    }
    result.found["initial_weights"] = initial_found_;
    result.found["tasks"] = names;
    result.found["steps"] = steps_;
    result.found["pictures_seen"] = steps_ * stage_.batch_size();
    if (probe_ != nullptr) result.found["probe"] = probe_->Protocol();
    for (const auto& [name, value] : newest_) result.found["last"][name] = value;
    return result;
  }

  const StageRun& run_;
  ProcessGroup* group_;
  v1::PretrainStage stage_;  // with every value
  InitialWeights initial_;
  std::shared_ptr<const OpenedDataset> data_;
  BackboneOptions network_;
  nlohmann::ordered_json initial_found_;  // what became of them
  int64_t steps_ = 0;
  Backbone backbone_;
  std::shared_ptr<const ViewBuilder> views_;
  std::unique_ptr<PretrainObjective> objective_;
  std::unique_ptr<PretrainProbe> probe_;  // null: none is asked for
  std::map<std::string, double> newest_;  // of each metric
};

}  // namespace

absl::StatusOr<StageResult> RunPretrainStage(const StageRun& run) { return PretrainRun(run).Run(); }

}  // namespace pretext
