#include "worker/tasks/registry.h"

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "nlohmann/json.hpp"
#include "worker/tasks/autoencoder.h"
#include "worker/tasks/colorization.h"
#include "worker/tasks/colorization_painter.h"
#include "worker/tasks/context_prediction.h"
#include "worker/tasks/context_prediction_painter.h"
#include "worker/tasks/denoising.h"
#include "worker/tasks/inpainting.h"
#include "worker/tasks/inpainting_painter.h"
#include "worker/tasks/instance_discrimination.h"
#include "worker/tasks/jigsaw.h"
#include "worker/tasks/jigsaw_painter.h"
#include "worker/tasks/match_painters.h"
#include "worker/tasks/moco.h"
#include "worker/tasks/pirl.h"
#include "worker/tasks/reconstruction_painters.h"
#include "worker/tasks/rotation.h"
#include "worker/tasks/rotation_painter.h"
#include "worker/tasks/spot_artifacts.h"
#include "worker/tasks/spot_artifacts_painter.h"

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
     /*wants_upright=*/false, &ResolveMoco, &CheckMoco, &MakeMocoViewBuilder, &MakeMoco, &PaintMoco,
     "Two random views of a picture: a person must see that both are of one picture, and the changes between "
     "them are what the network learns to ignore."},
    {v1::TaskSpec::kRotation, "rotation", "predict by which quarter turns a picture was rotated",
     "pictures with an up and a down; not aerial, microscopic or texture pictures", /*fewest_pictures=*/0,
     /*wants_upright=*/true, &NothingIsOpen, &CheckRotation, &MakeRotationViewBuilder, &MakeRotation,
     &PaintRotation,
     "Each picture turned four ways: a person must be able to say by how much it was turned; if not, the "
     "network cannot either."},
    {v1::TaskSpec::kColorization, "colorization", "predict the colours of a grey copy of the picture",
     "colour pictures", /*fewest_pictures=*/0, /*wants_upright=*/false, &ResolveColorization,
     &CheckColorization, &MakeColorizationViewBuilder, &MakeColorization, &PaintColorization,
     "A person must be able to guess the colours from the grey picture, roughly; where nothing tells them, "
     "the network answers with brownish greys."},
    {v1::TaskSpec::kContextPrediction, "context_prediction",
     "say on which side of a patch another patch of the picture lies",
     "pictures of 26 pixels and more in which things have places; not textures", /*fewest_pictures=*/0,
     /*wants_upright=*/false, &ResolveContextPrediction, &CheckContextPrediction,
     &MakeContextPredictionViewBuilder, &MakeContextPrediction, &PaintContextPrediction,
     "Two patches of a picture, with little left of their colours, by which a lens tells where it was: a "
     "person must be able to say on which side of the first the second lies."},
    {v1::TaskSpec::kJigsaw, "jigsaw", "tell in which order the shuffled tiles of a picture are shown",
     "pictures of things with parts, 16 pixels and more; grey is fine; not textures", /*fewest_pictures=*/0,
     /*wants_upright=*/false, &ResolveJigsaw, &CheckJigsaw, &MakeJigsawViewBuilder, &MakeJigsaw, &PaintJigsaw,
     "The tiles of a picture out of order: a person must be able to put them back; tiles of bare background "
     "cannot be placed by anybody."},
    {v1::TaskSpec::kInstanceDiscrimination, "instance_discrimination",
     "tell each picture from all others by a memory of them",
     "any pictures, a thousand or more; grey is fine", /*fewest_pictures=*/1000, /*wants_upright=*/false,
     &ResolveInstanceDiscrimination, &CheckInstanceDiscrimination, &MakeInstanceDiscriminationViewBuilder,
     &MakeInstanceDiscrimination, &PaintInstanceDiscrimination,
     "Two views of a picture at different times: a person must see that both are of one picture, and of no "
     "other on this sheet."},
    {v1::TaskSpec::kPirl, "pirl", "find a picture and its shuffled or turned copy alike",
     "any pictures, a thousand or more, 16 pixels and more; grey is fine", /*fewest_pictures=*/1000,
     /*wants_upright=*/false, &ResolvePirl, &CheckPirl, &MakePirlViewBuilder, &MakePirl, &PaintPirl,
     "A picture and its changed copy: a person must see that both are of one picture."},
    {v1::TaskSpec::kAutoencoder, "autoencoder", "give a picture back from a short code",
     "any pictures; a floor to compare other tasks with", /*fewest_pictures=*/0, /*wants_upright=*/false,
     &NothingIsOpen, &CheckAutoencoder, &MakeAutoencoderViewBuilder, &MakeAutoencoder, &PaintAutoencoder,
     "The picture must come back from a short code: what stays blurred is what the code has no room for."},
    {v1::TaskSpec::kDenoising, "denoising", "give a picture back from a damaged copy, through a short code",
     "any pictures; a floor to compare other tasks with", /*fewest_pictures=*/0, /*wants_upright=*/false,
     &NothingIsOpen, &CheckDenoising, &MakeDenoisingViewBuilder, &MakeDenoising, &PaintDenoising,
     "The whole picture must come back from the damaged one: a person must still see what it is of."},
    {v1::TaskSpec::kInpainting, "inpainting", "fill a hole in a picture from what surrounds it",
     "any pictures, 8 pixels and more; grey is fine", /*fewest_pictures=*/0, /*wants_upright=*/false,
     &ResolveInpainting, &CheckInpainting, &MakeInpaintingViewBuilder, &MakeInpainting, &PaintInpainting,
     "A picture with a hole: a person must be able to guess what was there from what is around it."},
    {v1::TaskSpec::kSpotArtifacts, "spot_artifacts",
     "tell pictures that were damaged and repaired from whole ones, and where",
     "any pictures, a thousand or more, 8 pixels and more; grey is fine", /*fewest_pictures=*/1000,
     /*wants_upright=*/false, &NothingIsOpen, &CheckSpotArtifacts, &MakeSpotArtifactsViewBuilder,
     &MakeSpotArtifacts, &PaintSpotArtifacts,
     "Most of a picture's code is dropped and made up again: a person must see in the repaired picture that "
     "something is not as it should be."},
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
