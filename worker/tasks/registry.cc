#include "worker/tasks/registry.h"

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "nlohmann/json.hpp"
#include "worker/tasks/colorization.h"
#include "worker/tasks/moco.h"
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
     "any pictures, several thousand or more; grey is fine", &ResolveMoco, &CheckMoco, &MakeMocoViewBuilder,
     &MakeMoco},
    {v1::TaskSpec::kRotation, "rotation", "predict by which quarter turns a picture was rotated",
     "pictures with an up and a down; not aerial, microscopic or texture pictures", &NothingIsOpen,
     &CheckRotation, &MakeRotationViewBuilder, &MakeRotation},
    {v1::TaskSpec::kColorization, "colorization", "predict the colours of a grey copy of the picture",
     "colour pictures", &NothingIsOpen, &CheckColorization, &MakeColorizationViewBuilder, &MakeColorization},
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
