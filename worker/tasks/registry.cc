#include "worker/tasks/registry.h"

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "nlohmann/json.hpp"
#include "worker/tasks/autoencoder.h"
#include "worker/tasks/colorization.h"
#include "worker/tasks/context_prediction.h"
#include "worker/tasks/denoising.h"
#include "worker/tasks/instance_discrimination.h"
#include "worker/tasks/jigsaw.h"
#include "worker/tasks/moco.h"
#include "worker/tasks/pirl.h"
#include "worker/tasks/rotation.h"

namespace pretext {
namespace {

// For a task whose defaults all follow from the job alone.
absl::StatusOr<std::vector<ResolvedField>> NothingIsOpen(const TaskSizes& /*sizes*/, v1::TaskSpec* /*spec*/) {
  return std::vector<ResolvedField>();
}

// The one list of pretext tasks.
constexpr TaskEntry kTasks[] = {
    {v1::TaskSpec::kMoco, "moco", "tell two views of one picture from all other pictures",
     "any pictures, several thousand or more; grey is fine", /*fewest_pictures=*/2000,
     /*wants_upright=*/false, &ResolveMoco, &CheckMoco, &MakeMocoViewBuilder, &MakeMoco},
    {v1::TaskSpec::kRotation, "rotation", "predict by which quarter turns a picture was rotated",
     "pictures with an up and a down; not aerial, microscopic or texture pictures", /*fewest_pictures=*/0,
     /*wants_upright=*/true, &NothingIsOpen, &CheckRotation, &MakeRotationViewBuilder, &MakeRotation},
    {v1::TaskSpec::kColorization, "colorization", "predict the colours of a grey copy of the picture",
     "colour pictures", /*fewest_pictures=*/0, /*wants_upright=*/false, &NothingIsOpen, &CheckColorization,
     &MakeColorizationViewBuilder, &MakeColorization},
    {v1::TaskSpec::kContextPrediction, "context_prediction",
     "say on which side of a patch another patch of the picture lies",
     "pictures of 26 pixels and more in which things have places; not textures", /*fewest_pictures=*/0,
     /*wants_upright=*/false, &ResolveContextPrediction, &CheckContextPrediction,
     &MakeContextPredictionViewBuilder, &MakeContextPrediction},
    {v1::TaskSpec::kJigsaw, "jigsaw", "tell in which order the shuffled tiles of a picture are shown",
     "pictures of things with parts, 16 pixels and more; grey is fine; not textures", /*fewest_pictures=*/0,
     /*wants_upright=*/false, &ResolveJigsaw, &CheckJigsaw, &MakeJigsawViewBuilder, &MakeJigsaw},
    {v1::TaskSpec::kInstanceDiscrimination, "instance_discrimination",
     "tell each picture from all others by a memory of them",
     "any pictures, a thousand or more; grey is fine", /*fewest_pictures=*/1000, /*wants_upright=*/false,
     &ResolveInstanceDiscrimination, &CheckInstanceDiscrimination, &MakeInstanceDiscriminationViewBuilder,
     &MakeInstanceDiscrimination},
    {v1::TaskSpec::kPirl, "pirl", "find a picture and its shuffled or turned copy alike",
     "any pictures, a thousand or more, 16 pixels and more; grey is fine", /*fewest_pictures=*/1000,
     /*wants_upright=*/false, &ResolvePirl, &CheckPirl, &MakePirlViewBuilder, &MakePirl},
    {v1::TaskSpec::kAutoencoder, "autoencoder", "give a picture back from a short code",
     "any pictures; a floor to compare other tasks with", /*fewest_pictures=*/0, /*wants_upright=*/false,
     &NothingIsOpen, &CheckAutoencoder, &MakeAutoencoderViewBuilder, &MakeAutoencoder},
    {v1::TaskSpec::kDenoising, "denoising", "give a picture back from a damaged copy, through a short code",
     "any pictures; a floor to compare other tasks with", /*fewest_pictures=*/0, /*wants_upright=*/false,
     &NothingIsOpen, &CheckDenoising, &MakeDenoisingViewBuilder, &MakeDenoising},
};

std::string TypeName(const google::protobuf::FieldDescriptor& field) {
  if (field.message_type() != nullptr) return field.message_type()->name();
  if (field.enum_type() == nullptr) return field.type_name();
  std::string names;
  for (int i = 1; i < field.enum_type()->value_count(); ++i) {
    absl::StrAppend(&names, i > 1 ? " | " : "", field.enum_type()->value(i)->name());
  }
  return names;
}

nlohmann::ordered_json Options(const TaskEntry& entry) {
  nlohmann::ordered_json options = nlohmann::ordered_json::array();
  const auto* task = v1::TaskSpec::descriptor()->FindFieldByNumber(entry.kind);
  for (int i = 0; i < task->message_type()->field_count(); ++i) {
    const auto& field = *task->message_type()->field(i);
    options.push_back({{"name", field.name()}, {"type", TypeName(field)}});
  }
  return options;
}

}  // namespace

absl::Span<const TaskEntry> Tasks() { return kTasks; }

absl::StatusOr<const TaskEntry*> FindTask(const v1::TaskSpec& spec) {
  std::string names;
  for (const TaskEntry& entry : kTasks) {
    if (entry.kind == spec.task_case()) return &entry;
    absl::StrAppend(&names, names.empty() ? "" : ", ", entry.name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("a pretraining stage has a task without a name; name one of: ", names));
}

std::string TasksAsJson() {
  nlohmann::ordered_json tasks = nlohmann::ordered_json::array();
  for (const TaskEntry& entry : kTasks) {
    tasks.push_back({{"name", std::string(entry.name)},
                     {"summary", std::string(entry.summary)},
                     {"needs", std::string(entry.needs)},
                     {"options", Options(entry)}});
  }
  return tasks.dump(2);
}

}  // namespace pretext
