#include "client/commands/training/task_defaults.h"

#include "absl/strings/str_cat.h"
#include "client/render/quantity.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "pretext/v1/job.pb.h"
#include "proto/cpp/defaults.h"

namespace pretext {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;

constexpr char kByTheData[] = "by the data";

std::string ValueText(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  if (!reflection.HasField(message, &field)) return kByTheData;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(reflection.GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(reflection.GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return NumberText(reflection.GetDouble(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.GetBool(message, &field) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection.GetEnum(message, &field)->name();
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection.GetString(message, &field);
    default:
      return "";
  }
}

void AddDefaults(const Message& message, const std::string& prefix, std::vector<TaskDefault>* defaults) {
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *message.GetDescriptor()->field(i);
    if (field.is_repeated()) continue;
    const std::string name = absl::StrCat(prefix, field.name());
    if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      defaults->push_back({name, ValueText(message, field)});
      continue;
    }
    defaults->push_back({name, ""});
    AddDefaults(message.GetReflection()->GetMessage(message, &field), absl::StrCat(name, "."), defaults);
  }
}

}  // namespace

std::vector<TaskDefault> FindTaskDefaults(absl::string_view name) {
  const FieldDescriptor* field = v1::TaskSpec::descriptor()->FindFieldByName(std::string(name));
  if (field == nullptr || field->real_containing_oneof() == nullptr || field->message_type() == nullptr)
    return {};
  v1::JobSpec job;
  v1::TaskSpec* task = job.add_stages()->mutable_pretrain()->add_tasks();
  task->GetReflection()->MutableMessage(task, field);
  ApplyDefaults(&job);
  std::vector<TaskDefault> defaults;
  AddDefaults(task->GetReflection()->GetMessage(*task, field), "", &defaults);
  return defaults;
}

}  // namespace pretext
