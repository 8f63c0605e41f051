#include "proto/cpp/validate.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/descriptor.h"
#include "proto/cpp/consistency_spec.h"
#include "proto/cpp/nearest_name.h"
#include "proto/cpp/quoted_text.h"
#include "proto/cpp/spec_checker.h"
#include "proto/cpp/task_checks.h"
#include "proto/cpp/utf8.h"

namespace pretext {
namespace {

constexpr int32_t kLargestBatch = 1 << 20;
constexpr int32_t kLargestSide = 4096;

const std::vector<std::string>& Backbones() {
  static const auto& names =
      *new std::vector<std::string>{"resnet10_narrow", "resnet18", "resnet18_narrow", "resnet34", "resnet50"};
  return names;
}

void CheckData(const v1::DataSpec& data, const SpecChecker& check) {
  if (data.images().empty()) {
    check.Fault("images", "must name a folder of pictures or an IDX file");
  } else {
    check.AbsolutePath("images", data.images());
  }
  if (!data.labels().empty() && data.labels() != "folders") {
    if (absl::StartsWith(data.labels(), "/")) {
      // Whether the file holds labels only the worker can tell.
      check.AbsolutePath("labels", data.labels());
    } else {
      check.Fault("labels",
                  absl::StrCat("must be \"folders\" or the absolute path of a .csv or IDX file, not ",
                               Quoted(data.labels())));
    }
  }
  if (data.has_channels() && data.channels() != 1 && data.channels() != 3) {
    check.Fault("channels", absl::StrCat("must be 1 (grey) or 3 (colour), not ", data.channels()));
  }
  if (data.has_max_broken_share()) check.Probability("max_broken_share", data.max_broken_share());
  if (data.has_cache_bytes()) check.CountNotNegative("cache_bytes", data.cache_bytes());
  if (data.has_labels_per_class()) check.CountNotNegative("labels_per_class", data.labels_per_class());
  if (data.labels_per_class() > 0 && data.labels().empty()) {
    check.Fault("labels_per_class",
                "picks among labelled pictures, but the data names no labels; set labels");
  }
}

// `batch_size` is what is forwarded at once over all ranks; 0 when it is not known.
void CheckBackbone(const v1::BackboneSpec& backbone, int64_t batch_size, int32_t world_size,
                   const SpecChecker& check) {
  bool known = backbone.name().empty();
  for (const std::string& name : Backbones()) known |= backbone.name() == name;
  if (!known) {
    check.Fault("name", absl::StrCat("there is no backbone ", Quoted(backbone.name()),
                                     DidYouMean(backbone.name(), Backbones())));
  }
  check.KnownValue("stem", backbone.stem(), v1::BackboneSpec::Stem_IsValid);
  if (!backbone.has_bn_groups()) return;
  if (backbone.bn_groups() <= 0 || (world_size > 0 && backbone.bn_groups() % world_size != 0)) {
    check.Fault("bn_groups", absl::StrCat("must be a multiple of the world size ", world_size, ", not ",
                                          backbone.bn_groups()));
  } else if (batch_size > 0 && batch_size % backbone.bn_groups() != 0) {
    check.Fault("bn_groups", absl::StrCat("must divide the pictures forwarded at once (", batch_size,
                                          ") into equal groups, not ", backbone.bn_groups()));
  }
}

void CheckInitLayers(const v1::InitSpec& init, const SpecChecker& check) {
  static const auto* const kBlocks =
      new std::vector<std::string>{"stem", "layer1", "layer2", "layer3", "layer4"};
  std::set<std::string> named;
  for (int i = 0; i < init.layers_size(); ++i) {
    const std::string& block = init.layers(i);
    const std::string field = absl::StrCat("layers[", i, "]");
    if (std::find(kBlocks->begin(), kBlocks->end(), block) == kBlocks->end()) {
      check.Fault(field, absl::StrCat("there is no block ", Quoted(block), "; there are ",
                                      absl::StrJoin(*kBlocks, ", ")));
    } else if (!named.insert(block).second) {
      check.Fault(field, absl::StrCat("names ", block, " a second time"));
    }
  }
  if (!init.layers().empty() && init.has_random()) {
    check.Fault(
        "layers",
        "says which blocks to take, but the stage starts from fresh random weights; name the stage, job or "
        "file to take them from");
  }
}

// `earlier` are the names of the stages before this one.
void CheckInit(const v1::InitSpec& init, const std::vector<std::string>& earlier, const SpecChecker& check) {
  CheckInitLayers(init, check);
  switch (init.from_case()) {
    case v1::InitSpec::kStage: {
      for (const std::string& name : earlier) {
        if (name == init.stage()) return;
      }
      check.Fault("stage", earlier.empty() ? absl::StrCat("there is no stage before this one, so none named ",
                                                          Quoted(init.stage()))
                                           : absl::StrCat("no earlier stage is named ", Quoted(init.stage()),
                                                          DidYouMean(init.stage(), earlier)));
      return;
    }
    case v1::InitSpec::kJob:
      if (!absl::StartsWith(init.job(), "jobs/") || init.job().size() == 5) {
        check.Fault("job",
                    absl::StrCat("must be the name of a job, such as jobs/12, not ", Quoted(init.job())));
      }
      return;
    case v1::InitSpec::kFile:
      return check.AbsolutePath("file", init.file());
    case v1::InitSpec::kRandom:
    case v1::InitSpec::FROM_NOT_SET:
      return;
  }
}

void CheckOptimizer(const v1::OptimizerSpec& optimizer, const SpecChecker& check) {
  check.KnownValue("kind", optimizer.kind(), v1::OptimizerSpec::Kind_IsValid);
  if (optimizer.has_learning_rate()) check.Positive("learning_rate", optimizer.learning_rate());
  if (optimizer.has_momentum() && !(optimizer.momentum() >= 0 && optimizer.momentum() < 1)) {
    check.Fault("momentum", absl::StrCat("must be at least 0 and less than 1, not ", optimizer.momentum()));
  }
  if (optimizer.has_weight_decay()) check.NotNegative("weight_decay", optimizer.weight_decay());
  if (optimizer.has_clip_norm()) check.NotNegative("clip_norm", optimizer.clip_norm());
}

void CheckSchedule(const v1::ScheduleSpec& schedule, const SpecChecker& check) {
  check.KnownValue("kind", schedule.kind(), v1::ScheduleSpec::Kind_IsValid);
  if (schedule.has_warmup_share()) check.Probability("warmup_share", schedule.warmup_share());
}

// epochs and max_steps, which exclude each other.
template <typename StageMessage>
void CheckLength(const StageMessage& stage, const SpecChecker& check) {
  if (stage.has_epochs() && stage.has_max_steps()) {
    check.Fault("max_steps", "excludes epochs: give one of the two");
  }
  if (stage.has_epochs()) check.CountInRange("epochs", stage.epochs(), 1, 1000000);
  if (stage.has_max_steps()) check.CountInRange("max_steps", stage.max_steps(), 1, int64_t{1} << 40);
}

void CheckImageSize(bool set, int32_t image_size, const SpecChecker& check) {
  if (set) check.CountInRange("image_size", image_size, 8, kLargestSide);
}

// What a stage's checks may know of the job around it.
struct StageContext {
  int32_t world_size = 1;
  const v1::DataSpec* job_data = nullptr;  // null: the job names none
  std::vector<std::string> earlier;        // names of the stages before
};

// The data a stage uses, after its own has been checked; null when there is none.
template <typename StageMessage>
const v1::DataSpec* CheckStageData(const StageMessage& stage, const StageContext& context,
                                   const SpecChecker& check) {
  if (stage.has_data()) {
    CheckData(stage.data(), check.Within("data"));
    return &stage.data();
  }
  if (context.job_data == nullptr) {
    check.Fault("data", "is missing: neither this stage nor the job says where the pictures are");
  }
  return context.job_data;
}

// `check` is that of the field at fault.
void CheckLabelled(const v1::DataSpec* data, absl::string_view why, const SpecChecker& check) {
  if (data != nullptr && data->labels().empty()) {
    check.Fault("labels",
                absl::StrCat("is missing: ", why,
                             "; give \"folders\", a .csv with the columns path and label, or an IDX file"));
  }
}

// A batch of `parts` equal parts on each of the ranks.
void CheckBatch(int64_t batch_size, int32_t accumulation, const StageContext& context,
                const SpecChecker& check, std::vector<std::string>* not_divided_by_world_size) {
  check.CountInRange("batch_size", batch_size, 1, kLargestBatch);
  check.CountInRange("accumulation", accumulation, 1, kLargestBatch);
  if (batch_size <= 0 || accumulation <= 0 || context.world_size <= 0) return;
  if (batch_size % context.world_size != 0) {
    not_divided_by_world_size->push_back(absl::StrCat(batch_size));
  } else if (batch_size % (int64_t{context.world_size} * accumulation) != 0) {
    const int64_t parts = int64_t{context.world_size} * accumulation;
    check.Fault("batch_size",
                absl::StrCat("must be a multiple of world_size * accumulation = ", context.world_size, " * ",
                             accumulation, " = ", parts, ", not ", batch_size, "; ",
                             (batch_size + parts - 1) / parts * parts, " would be"));
  }
}

void CheckProbe(const v1::ProbeSpec& probe, const SpecChecker& check) {
  if (!probe.has_data()) {
    check.Fault("data", "is missing: a probe judges by labelled pictures; give images and labels");
  } else {
    CheckData(probe.data(), check.Within("data"));
    CheckLabelled(&probe.data(), "a probe judges by labels", check.Within("data"));
  }
  if (probe.has_every_steps()) check.CountInRange("every_steps", probe.every_steps(), 1, int64_t{1} << 40);
  if (probe.has_pictures()) check.CountInRange("pictures", probe.pictures(), 10, 1000000);
}

void CheckPretrain(const v1::PretrainStage& stage, const StageContext& context, const SpecChecker& check,
                   std::vector<std::string>* not_divided) {
  const int32_t accumulation = stage.has_accumulation() ? stage.accumulation() : 1;
  const int64_t batch_size = stage.has_batch_size() ? stage.batch_size() : 256;
  const int64_t at_once =
      accumulation > 0 && batch_size > 0 && batch_size % accumulation == 0 ? batch_size / accumulation : 0;
  CheckBackbone(stage.backbone(), at_once, context.world_size, check.Within("backbone"));
  if (stage.tasks().empty()) {
    check.Fault("tasks", absl::StrCat("must hold at least one task: ", TaskNames()));
  }
  const v1::DataSpec* data = stage.has_data() ? &stage.data() : context.job_data;
  std::map<v1::TaskSpec::TaskCase, int> first_with;
  bool trains = stage.tasks().empty();
  for (int i = 0; i < stage.tasks_size(); ++i) {
    const v1::TaskSpec& task = stage.tasks(i);
    CheckTask(task, at_once, data, check.Within("tasks", i));
    trains |= !task.has_weight() || !(task.weight() == 0);
    if (task.task_case() == v1::TaskSpec::TASK_NOT_SET) continue;
    const auto [first, is_new] = first_with.emplace(task.task_case(), i);
    if (!is_new) {
      check.Within("tasks", i)
          .Fault(absl::StrCat("is the same task as tasks[", first->second, "]: name each task once"));
    }
  }
  if (!trains)
    check.Fault("tasks", "all have weight 0, so nothing would be trained; give one a positive weight");
  check.KnownValue("weighting", stage.weighting(), v1::PretrainStage::Weighting_IsValid);
  if (stage.has_consistency()) CheckConsistency(stage, at_once, check.Within("consistency"));
  CheckLength(stage, check);
  CheckBatch(batch_size, accumulation, context, check, not_divided);
  CheckImageSize(stage.has_image_size(), stage.image_size(), check);
  CheckOptimizer(stage.optimizer(), check.Within("optimizer"));
  CheckSchedule(stage.schedule(), check.Within("schedule"));
  check.KnownValue("precision", stage.precision(), v1::Precision_IsValid);
  CheckStageData(stage, context, check);
  if (stage.has_probe()) CheckProbe(stage.probe(), check.Within("probe"));
  CheckInit(stage.init(), context.earlier, check.Within("init"));
}

void CheckUnlabelled(const v1::UnlabelledSpec& unlabelled, v1::FinetuneStage::Recipe recipe,
                     const SpecChecker& check) {
  if (recipe == v1::FinetuneStage::LINEAR_PROBE) {
    check.Fault(
        "does not go with the recipe LINEAR_PROBE, which says what labels alone make of frozen features; "
        "take another recipe, or leave unlabelled out");
  }
  check.KnownValue("method", unlabelled.method(), v1::UnlabelledSpec::Method_IsValid);
  if (unlabelled.has_data()) CheckData(unlabelled.data(), check.Within("data"));
  if (unlabelled.has_weight()) check.NotNegative("weight", unlabelled.weight());
  if (unlabelled.has_ratio()) check.CountInRange("ratio", unlabelled.ratio(), 1, 64);
  if (unlabelled.has_confidence() && !(unlabelled.confidence() >= 0 && unlabelled.confidence() < 1)) {
    check.Fault("confidence",
                absl::StrCat("must be at least 0 and less than 1, which no picture is above, not ",
                             unlabelled.confidence()));
  }
  check.KnownValue("annealing", unlabelled.annealing(), v1::UnlabelledSpec::Annealing_IsValid);
  if (unlabelled.has_sharpening()) check.Positive("sharpening", unlabelled.sharpening());
  if (unlabelled.method() == v1::UnlabelledSpec::FIXMATCH) {
    if (unlabelled.has_sharpening()) {
      check.Fault("sharpening",
                  "belongs to UDA; FIXMATCH goes by the most probable class alone: leave it out");
    }
    if (unlabelled.annealing() > v1::UnlabelledSpec::OFF) {
      check.Fault("annealing", "belongs to UDA; FIXMATCH learns from all labelled pictures: leave it out");
    }
  }
  CheckAugment(unlabelled.augment(), check.Within("augment"), /*keeps_colors=*/false);
}

void CheckFinetune(const v1::FinetuneStage& stage, const StageContext& context, const SpecChecker& check,
                   std::vector<std::string>* not_divided) {
  const v1::DataSpec* data = CheckStageData(stage, context, check);
  CheckLabelled(data, "fine-tuning learns from labels", check.Within("data"));
  if (stage.has_test()) {
    CheckData(stage.test(), check.Within("test"));
    CheckLabelled(&stage.test(), "the result is judged by the labels of the test data", check.Within("test"));
  }
  if (stage.has_classify() && stage.classify().has_label_smoothing() &&
      !(stage.classify().label_smoothing() >= 0 && stage.classify().label_smoothing() < 1)) {
    check.Within("classify")
        .Fault("label_smoothing",
               absl::StrCat("must be at least 0 and less than 1, not ", stage.classify().label_smoothing()));
  }
  check.KnownValue("recipe", stage.recipe(), v1::FinetuneStage::Recipe_IsValid);
  CheckLength(stage, check);
  if (stage.has_freeze_epochs()) check.CountInRange("freeze_epochs", stage.freeze_epochs(), 0, 1000000);
  CheckBatch(stage.has_batch_size() ? stage.batch_size() : 64, /*accumulation=*/1, context, check,
             not_divided);
  CheckImageSize(stage.has_image_size(), stage.image_size(), check);
  if (stage.has_learning_rate()) check.Positive("learning_rate", stage.learning_rate());
  if (stage.has_rate_divisor()) check.InRange("rate_divisor", stage.rate_divisor(), 1, 1e6);
  if (stage.has_weight_decay()) check.NotNegative("weight_decay", stage.weight_decay());
  check.KnownValue("precision", stage.precision(), v1::Precision_IsValid);
  CheckBackbone(stage.backbone(), /*batch_size=*/0, context.world_size, check.Within("backbone"));
  CheckInit(stage.init(), context.earlier, check.Within("init"));
  CheckAugment(stage.augment(), check.Within("augment"), /*keeps_colors=*/false);
  if (stage.has_unlabelled()) {
    CheckUnlabelled(stage.unlabelled(), stage.recipe(), check.Within("unlabelled"));
  }
}

void CheckEvaluate(const v1::EvaluateStage& stage, const StageContext& context, const SpecChecker& check) {
  const v1::DataSpec* data = CheckStageData(stage, context, check);
  CheckLabelled(data, "features are judged by labels", check.Within("data"));
  if (stage.has_test()) {
    CheckData(stage.test(), check.Within("test"));
    CheckLabelled(&stage.test(), "features are judged by labels", check.Within("test"));
  }
  if (!stage.has_knn() && !stage.has_linear()) {
    check.Fault("must ask for knn, linear or both, e.g. evaluate: {knn: {}, linear: {}}");
  }
  if (stage.knn().has_neighbours())
    check.Within("knn").CountInRange("neighbours", stage.knn().neighbours(), 1, 100000);
  if (stage.knn().has_temperature()) check.Within("knn").Positive("temperature", stage.knn().temperature());
  for (int i = 0; i < stage.linear().penalties_size(); ++i) {
    check.Within("linear").NotNegative(absl::StrCat("penalties[", i, "]"), stage.linear().penalties(i));
  }
  CheckImageSize(stage.has_image_size(), stage.image_size(), check);
  CheckInit(stage.init(), context.earlier, check.Within("init"));
  CheckBackbone(stage.backbone(), /*batch_size=*/0, context.world_size, check.Within("backbone"));
}

void CheckNameField(const std::string& name, const SpecChecker& check) {
  if (IsValidName(name)) return;
  check.Fault("name",
              absl::StrCat("must be 1 to 63 letters, digits, '.', '_' or '-', the first a letter or a digit, "
                           "not ",
                           Quoted(name)));
}

void CheckStages(const v1::JobSpec& spec, const SpecChecker& check, std::vector<std::string>* not_divided) {
  if (spec.stages().empty()) {
    check.Fault("stages", "must hold at least one stage: pretrain, finetune or evaluate");
  }
  StageContext context;
  context.world_size = spec.resources().has_world_size() ? spec.resources().world_size() : 1;
  context.job_data = spec.has_data() ? &spec.data() : nullptr;
  std::set<std::string> names;
  for (int i = 0; i < spec.stages_size(); ++i) {
    const v1::Stage& stage = spec.stages(i);
    const SpecChecker within = check.Within("stages", i);
    if (stage.kind_case() != v1::Stage::KIND_NOT_SET || !stage.name().empty()) {
      CheckNameField(stage.name(), within);
      if (!names.insert(stage.name()).second) {
        within.Fault("name", absl::StrCat(Quoted(stage.name()),
                                          " is the name of an earlier stage too; each needs its own"));
      }
    }
    switch (stage.kind_case()) {
      case v1::Stage::kPretrain:
        CheckPretrain(stage.pretrain(), context, within.Within("pretrain"), not_divided);
        break;
      case v1::Stage::kFinetune:
        CheckFinetune(stage.finetune(), context, within.Within("finetune"), not_divided);
        break;
      case v1::Stage::kEvaluate:
        CheckEvaluate(stage.evaluate(), context, within.Within("evaluate"));
        break;
      case v1::Stage::KIND_NOT_SET:
        within.Fault("must be one of pretrain, finetune and evaluate");
        break;
    }
    context.earlier.push_back(stage.name());
  }
}

void CheckResources(const v1::Resources& resources, const std::vector<std::string>& not_divided,
                    const SpecChecker& check) {
  if (resources.has_world_size()) {
    check.CountInRange("world_size", resources.world_size(), 1, 65536);
    if (!not_divided.empty()) {
      check.Fault("world_size",
                  absl::StrCat("world_size ", resources.world_size(), " does not divide batch_size ",
                               absl::StrJoin(not_divided, " and "),
                               ", so ranks would get unequal shares; change either"));
    }
  }
  check.KnownValue("device", resources.device(), v1::Resources::Device_IsValid);
  if (resources.has_threads()) check.CountInRange("threads", resources.threads(), 1, 4096);
  if (resources.has_data_threads()) check.CountInRange("data_threads", resources.data_threads(), 1, 4096);
}

void CheckLabels(const v1::JobSpec& spec, const SpecChecker& check) {
  for (const auto& [key, value] :
       std::map<std::string, std::string>(spec.labels().begin(), spec.labels().end())) {
    if (!IsValidName(key)) {
      check.Fault("labels",
                  absl::StrCat("the key ", Quoted(key), " must be 1 to 63 letters, digits, '.', '_' or '-'"));
    }
    if (!IsValidUtf8(value)) {
      check.Fault(absl::StrCat("labels.", key),
                  absl::StrCat("must be UTF-8, which ", Quoted(value), " is not"));
    } else if (value.size() > 256) {
      check.Fault(absl::StrCat("labels.", key),
                  absl::StrCat("must have at most 256 bytes, not ", value.size()));
    }
  }
}

}  // namespace

bool IsValidName(absl::string_view name) {
  if (name.empty() || name.size() > 63 || !absl::ascii_isalnum(name[0])) return false;
  for (const char c : name) {
    if (!absl::ascii_isalnum(c) && c != '.' && c != '_' && c != '-') return false;
  }
  return true;
}

FieldViolations FindViolations(const v1::JobSpec& spec) {
  FieldViolations violations;
  const SpecChecker check(&violations, "");
  if (!spec.name().empty()) CheckNameField(spec.name(), check);
  if (spec.has_data()) CheckData(spec.data(), check.Within("data"));
  std::vector<std::string> not_divided;  // batch sizes that the ranks cannot share equally
  CheckStages(spec, check, &not_divided);
  CheckResources(spec.resources(), not_divided, check.Within("resources"));
  check.CountInRange("priority", spec.priority(), -1000, 1000);
  if (!spec.output().empty()) check.AbsolutePath("output", spec.output());
  if (spec.checkpoints().has_every_steps()) {
    check.Within("checkpoints").CountNotNegative("every_steps", spec.checkpoints().every_steps());
  }
  if (spec.checkpoints().has_keep())
    check.Within("checkpoints").CountInRange("keep", spec.checkpoints().keep(), 1, 1000);
  if (spec.has_max_restarts()) check.CountInRange("max_restarts", spec.max_restarts(), 0, 1000);
  CheckLabels(spec, check);
  return violations;
}

absl::Status ValidateJobSpec(const v1::JobSpec& spec) {
  return FindViolations(spec).ToStatus("INVALID_SPEC");
}

}  // namespace pretext
