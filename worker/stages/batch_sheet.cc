#include "worker/stages/batch_sheet.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/message.h"
#include "nlohmann/json.hpp"
#include "proto/cpp/quoted_text.h"
#include "proto/cpp/spec_parsing.h"
#include "proto/cpp/status_macros.h"
#include "proto/cpp/utf8.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/checkpoint/restore_module.h"
#include "worker/data/open_dataset.h"
#include "worker/dist/guarded.h"
#include "worker/dist/solo_process_group.h"
#include "worker/models/backbone.h"
#include "worker/sheets/sheet.h"
#include "worker/stages/resolve_stage.h"
#include "worker/tasks/registry.h"

namespace pretext {
namespace {

constexpr uint32_t kViewsPerTask = 1000;  // as in training
constexpr int kFewestPriors = 64;         // pictures looked at for statistics that the checkpoint replaces

absl::StatusOr<v1::JobSpec> ReadJobOf(const std::string& output) {
  const std::string path = absl::StrCat(output, "/job.yaml");
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file.good()) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(output),
                     " is not the output folder of a job: it has no job.yaml; name the folder "
                     "that --out named, or the job"));
  }
  const ParsedSpec parsed = ParseSpec(text.str());
  if (!parsed.faults.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ":", parsed.faults[0].place.line, ": ", parsed.faults[0].message));
  }
  return parsed.spec;
}

// Stages of the kind that can be shown, by name.
std::vector<std::string> PretrainingStages(const v1::JobSpec& spec) {
  std::vector<std::string> names;
  for (const v1::Stage& stage : spec.stages()) {
    if (stage.has_pretrain()) names.push_back(stage.name());
  }
  return names;
}

absl::StatusOr<int> FindStage(const v1::JobSpec& spec, const std::string& name) {
  for (int i = 0; i < spec.stages_size(); ++i) {
    if (spec.stages(i).has_pretrain() && spec.stages(i).name() == name) return i;
  }
  const std::vector<std::string> names = PretrainingStages(spec);
  return absl::InvalidArgumentError(names.empty()
                                        ? "the job has no pretraining stage, so there is no task to show"
                                        : absl::StrCat("the job has no pretraining stage ", Quoted(name),
                                                       "; it has: ", absl::StrJoin(names, ", ")));
}

// A sheet in the making.
class SheetMaker {
 public:
  explicit SheetMaker(const SheetRequest& request) : request_(request), spec_(request.spec) {}

  absl::Status Make() {
    if (!request_.output.empty()) {
      PRETEXT_ASSIGN_OR_RETURN(spec_, ReadJobOf(request_.output));
    }
    if (request_.seed.has_value()) spec_.set_seed(*request_.seed);
    PRETEXT_RETURN_IF_ERROR(ChooseStage());
    PRETEXT_RETURN_IF_ERROR(OpenData());
    if (request_.output.empty()) PRETEXT_RETURN_IF_ERROR(Resolve());
    PRETEXT_RETURN_IF_ERROR(LoadPictures());
    if (checkpoint_.has_value()) PRETEXT_RETURN_IF_ERROR(MakeBackboneOfCheckpoint());
    Sheet sheet;
    sheet.title = Title();
    for (int i = 0; i < stage_.tasks_size(); ++i) {
      PRETEXT_ASSIGN_OR_RETURN(SheetSection section, MakeSection(i));
      sheet.sections.push_back(std::move(section));
    }
    made_.pictures = static_cast<int>(images_.size());
    PRETEXT_ASSIGN_OR_RETURN(made_.png, DrawAsPng(sheet));
    return absl::OkStatus();
  }

  BatchSheet Take() { return std::move(made_); }

 private:
  // The stage asked for and, of a job's folder, its newest whole checkpoint.
  absl::Status ChooseStage() {
    std::string name = request_.stage;
    if (!request_.output.empty()) {
      PRETEXT_RETURN_IF_ERROR(FindCheckpoint(&name));
    } else if (name.empty() && !PretrainingStages(spec_).empty()) {
      name = PretrainingStages(spec_).front();
    }
    PRETEXT_ASSIGN_OR_RETURN(index_, FindStage(spec_, name));
    stage_ = spec_.stages(index_).pretrain();
    made_.stage = name;
    return absl::OkStatus();
  }

  absl::Status FindCheckpoint(std::string* stage) {
    const std::vector<std::string> stages = PretrainingStages(spec_);
    PRETEXT_ASSIGN_OR_RETURN(const std::vector<FoundCheckpoint> all,
                             ListCheckpoints(request_.output, /*forgotten_attempts=*/0, &made_.remarks));
    std::vector<FoundCheckpoint> found;
    for (const FoundCheckpoint& checkpoint : all) {
      const std::string& of = checkpoint.position.stage;
      if (std::count(stages.begin(), stages.end(), of) == 0) continue;
      if (stage->empty()) *stage = of;  // the furthest
      if (*stage == of) found.push_back(checkpoint);
    }
    PRETEXT_ASSIGN_OR_RETURN(checkpoint_, ReadNewestCheckpoint(found, &made_.remarks));
    if (checkpoint_.has_value()) {
      made_.step = checkpoint_->position.step;
      return absl::OkStatus();
    }
    if (!stage->empty()) PRETEXT_RETURN_IF_ERROR(FindStage(spec_, *stage).status());
    return absl::NotFoundError(
        absl::StrCat(Quoted(request_.output), " has no checkpoint of ",
                     stage->empty() ? "a pretraining stage" : absl::StrCat("stage ", *stage),
                     " yet: wait for the first one, or show what is asked alone, with --data and --task"));
  }

  v1::DataSpec DataOfStage() const { return stage_.has_data() ? stage_.data() : spec_.data(); }

  absl::Status OpenData() {
    v1::DataSpec data = DataOfStage();
    if (!request_.images.empty()) data.set_images(request_.images);
    absl::StatusOr<OpenedPictures> opened = OpenPictures(data);
    if (!opened.ok() && !request_.output.empty() && request_.images.empty()) {
      return absl::Status(opened.status().code(),
                          absl::StrCat("the job's pictures: ", opened.status().message(),
                                       "; others can be shown with --data"));
    }
    PRETEXT_ASSIGN_OR_RETURN(shown_, std::move(opened));
    trained_on_ = shown_;
    if (request_.output.empty() || request_.images.empty()) return absl::OkStatus();
    // What a task keeps may be as large as the data it was trained on.
    absl::StatusOr<OpenedPictures> own = OpenPictures(DataOfStage());
    if (own.ok()) trained_on_ = *std::move(own);
    return absl::OkStatus();
  }

  // What the data settle, as in training. A set that is smaller than a batch is shown as if it were trained
  // with one that fits.
  absl::Status Resolve() {
    const int64_t pictures = shown_.facts.pictures;
    if (stage_.batch_size() > pictures) {
      stage_.set_batch_size(static_cast<int32_t>(std::max<int64_t>(1, pictures / 4)));
      stage_.set_accumulation(1);
      stage_.mutable_backbone()->set_bn_groups(1);
    }
    StageFacts facts;
    facts.data = shown_.facts;
    facts.channels = shown_.pictures->channels();
    facts.backbone.name = stage_.backbone().name();
    return ResolvePretrain(facts, &stage_).status();
  }

  // Pictures chosen by the seed; broken ones are passed over.
  absl::Status LoadPictures() {
    RngKey key;
    key.seed = spec_.seed();
    key.stage = kSetupStage;
    for (const int64_t index : Rng(key).Permutation(shown_.pictures->size())) {
      if (static_cast<int>(images_.size()) == request_.pictures) break;
      absl::StatusOr<Image> image = shown_.pictures->Load(index);
      if (!image.ok()) {
        made_.remarks.push_back(absl::StrCat("picture left out: ", image.status().message()));
        if (static_cast<int>(made_.remarks.size()) > 10 * request_.pictures) break;
        continue;
      }
      images_.push_back(*std::move(image));
      indices_.push_back(index);
    }
    if (!images_.empty()) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("none of the pictures can be read; the first: ",
                                            made_.remarks.empty() ? "there are none" : made_.remarks.back()));
  }

  absl::Status MakeBackboneOfCheckpoint() {
    BackboneOptions options;
    options.name = stage_.backbone().name();
    options.in_channels = trained_on_.pictures->channels();
    options.small_stem = stage_.backbone().stem() == v1::BackboneSpec::SMALL;
    PRETEXT_ASSIGN_OR_RETURN(backbone_, MakeBackbone(options));
    PRETEXT_RETURN_IF_ERROR(RestoreModule("backbone", checkpoint_->files["backbone"], *backbone_));
    backbone_->eval();
    return absl::OkStatus();
  }

  TaskContext ContextOf(const v1::TaskSpec& task, const OpenedPictures& data) const {
    TaskContext context;
    context.spec = task;
    context.image_size = stage_.image_size();
    context.dataset = data.pictures.get();
    context.facts = &data.facts;
    context.seed = spec_.seed();
    context.stage = static_cast<uint32_t>(index_);
    context.micro_batch_size = stage_.batch_size() / std::max(1, stage_.accumulation());
    const int64_t steps_per_epoch = trained_on_.pictures->size() / std::max(1, stage_.batch_size());
    context.steps = stage_.has_max_steps() ? stage_.max_steps() : steps_per_epoch * stage_.epochs();
    return context;
  }

  absl::StatusOr<std::unique_ptr<PretextTask>> MakeTaskOfCheckpoint(const TaskEntry& entry,
                                                                    v1::TaskSpec spec) {
    // Statistics of the data come with the checkpoint; measuring them again would only take time.
    google::protobuf::Message* task =
        spec.GetReflection()->MutableMessage(&spec, spec.GetDescriptor()->FindFieldByNumber(entry.kind));
    const auto* samples = task->GetDescriptor()->FindFieldByName("prior_samples");
    if (samples != nullptr && task->GetReflection()->GetInt32(*task, samples) > kFewestPriors) {
      task->GetReflection()->SetInt32(task, samples, kFewestPriors);
    }
    TrainContext train{backbone_, &alone_, c10::Device(c10::kCPU)};
    PRETEXT_ASSIGN_OR_RETURN(auto made, entry.make_task(ContextOf(spec, trained_on_), train));
    const std::string name(entry.name);
    PRETEXT_RETURN_IF_ERROR(RestoreModule(name, checkpoint_->files[name], made->module()));
    made->module().eval();
    return made;
  }

  Batch BuildBatch(const ViewBuilder& builder, int task, uint32_t epoch) const {
    const auto count = static_cast<int64_t>(images_.size());
    Batch batch;
    batch.indices = indices_;
    for (const Field& field : builder.layout()) {
      std::vector<int64_t> shape = {count};
      shape.insert(shape.end(), field.shape.begin(), field.shape.end());
      const at::ScalarType type = field.type == ElementType::kUint8     ? at::kByte
                                  : field.type == ElementType::kFloat32 ? at::kFloat
                                                                        : at::kLong;
      batch.fields.push_back(at::empty(shape, type));
    }
    for (int64_t i = 0; i < count; ++i) {
      std::vector<uint8_t*> memory;
      for (size_t f = 0; f < batch.fields.size(); ++f) {
        memory.push_back(static_cast<uint8_t*>(batch.fields[f].mutable_data_ptr()) +
                         i * builder.layout()[f].bytes());
      }
      RngKey key;
      key.seed = spec_.seed();
      key.stage = static_cast<uint32_t>(index_);
      key.epoch = epoch;
      key.sample = static_cast<uint64_t>(indices_[i]);
      key.view = static_cast<uint32_t>(task) * kViewsPerTask;
      builder.Build({&images_[i], indices_[i], /*label=*/-1}, key, ExampleSlot(memory, builder.layout()));
    }
    return batch;
  }

  absl::StatusOr<SheetSection> MakeSection(int number) {
    const v1::TaskSpec& spec = stage_.tasks(number);
    PRETEXT_ASSIGN_OR_RETURN(const TaskEntry* entry, FindTask(spec));
    const TaskContext context = ContextOf(spec, shown_);
    if (!checkpoint_.has_value()) PRETEXT_RETURN_IF_ERROR(entry->check(context));
    PRETEXT_ASSIGN_OR_RETURN(const auto builder, entry->make_view_builder(context));
    const Batch batch = BuildBatch(*builder, number, /*epoch=*/0);
    const Batch again = BuildBatch(*builder, number, /*epoch=*/1);
    std::unique_ptr<PretextTask> task;
    if (checkpoint_.has_value()) {
      PRETEXT_ASSIGN_OR_RETURN(task, MakeTaskOfCheckpoint(*entry, spec));
    }
    SheetSection section;
    section.title = absl::StrCat(entry->name, ": ", entry->summary);
    section.explanation = std::string(entry->look_for);
    PRETEXT_ASSIGN_OR_RETURN(section.rows, entry->paint({&context, &batch, &again, task.get()}));
    for (size_t i = 0; i < section.rows.size(); ++i) {
      const std::string name = EscapeStrayBytes(shown_.pictures->name(indices_[i]));
      section.rows[i].insert(section.rows[i].begin(),
                             {images_[i], absl::StrCat(i + 1, ". ", name), Mark::kNone});
    }
    made_.tasks.emplace_back(entry->name);
    return section;
  }

  std::string Title() const {
    const std::string images = request_.images.empty() ? DataOfStage().images() : request_.images;
    std::string title = absl::StrCat(images_.size(), " of ", shown_.pictures->size(), " pictures of ", images,
                                     ", ", stage_.image_size(), " x ", stage_.image_size(), " pixels");
    if (made_.step.has_value()) {
      absl::StrAppend(&title, "; answers after step ", *made_.step, " of stage ", made_.stage);
    }
    return title;
  }

  const SheetRequest& request_;
  v1::JobSpec spec_;
  int index_ = 0;
  v1::PretrainStage stage_;  // with every value
  OpenedPictures shown_, trained_on_;
  std::vector<Image> images_;
  std::vector<int64_t> indices_;
  std::optional<CheckpointState> checkpoint_;
  SoloProcessGroup alone_;
  Backbone backbone_;
  BatchSheet made_;
};

}  // namespace

absl::StatusOr<BatchSheet> MakeBatchSheet(const SheetRequest& request) {
  SheetMaker maker(request);
  PRETEXT_RETURN_IF_ERROR(Guarded([&maker] {
    at::NoGradGuard no_grad;
    return maker.Make();
  }));
  return maker.Take();
}

std::string BatchSheetAsJson(const BatchSheet& sheet, const std::string& file) {
  nlohmann::ordered_json json = {{"file", file},         {"stage", sheet.stage},
                                 {"tasks", sheet.tasks}, {"pictures", sheet.pictures},
                                 {"step", nullptr},      {"remarks", sheet.remarks}};
  if (sheet.step.has_value()) json["step"] = *sheet.step;
  return json.dump(2, ' ', /*ensure_ascii=*/false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace pretext
