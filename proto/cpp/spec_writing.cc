#include "proto/cpp/spec_writing.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "proto/cpp/defaults.h"

namespace pretext {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;

constexpr size_t kCommentColumn = 48;

// The shortest text that reads back as the same number.
std::string NumberText(double number) {
  for (const int digits : {6, 9, 15, 17}) {
    std::string text = absl::StrFormat("%.*g", digits, number);
    double back;
    if (absl::SimpleAtod(text, &back) && back == number) return text;
  }
  return absl::StrFormat("%.17g", number);
}

bool IsPlain(const std::string& text) {
  if (text.empty() || (!absl::ascii_isalpha(text[0]) && text[0] != '/' && text[0] != '_')) return false;
  for (const char c : text) {
    if (!absl::ascii_isalnum(c) && !absl::StrContains("_./-", absl::string_view(&c, 1))) return false;
  }
  for (const char* word : {"true", "false", "null", "yes", "no", "on", "off"}) {
    if (absl::EqualsIgnoreCase(text, word)) return false;
  }
  double number;
  return !absl::SimpleAtod(text, &number);
}

std::string StringText(const std::string& text) {
  if (IsPlain(text)) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      absl::StrAppend(&quoted, "\\", absl::string_view(&c, 1));
    } else if (c == '\n') {
      absl::StrAppend(&quoted, "\\n");
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      absl::StrAppend(&quoted, absl::StrFormat("\\x%02x", static_cast<unsigned char>(c)));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

// One scalar; `index` of a repeated field, else -1.
std::string ScalarText(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& r = *message.GetReflection();
  const bool one = index < 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(one ? r.GetInt32(message, &field) : r.GetRepeatedInt32(message, &field, index));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(one ? r.GetInt64(message, &field) : r.GetRepeatedInt64(message, &field, index));
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(one ? r.GetUInt32(message, &field) : r.GetRepeatedUInt32(message, &field, index));
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(one ? r.GetUInt64(message, &field) : r.GetRepeatedUInt64(message, &field, index));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return NumberText(one ? r.GetDouble(message, &field) : r.GetRepeatedDouble(message, &field, index));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return NumberText(one ? r.GetFloat(message, &field) : r.GetRepeatedFloat(message, &field, index));
    case FieldDescriptor::CPPTYPE_BOOL:
      return (one ? r.GetBool(message, &field) : r.GetRepeatedBool(message, &field, index)) ? "true"
                                                                                            : "false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return one ? r.GetEnum(message, &field)->name() : r.GetRepeatedEnum(message, &field, index)->name();
    default:
      return StringText(one ? r.GetString(message, &field) : r.GetRepeatedString(message, &field, index));
  }
}

// Set fields in the order they are declared.
std::vector<const FieldDescriptor*> SetFields(const Message& message) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  std::sort(fields.begin(), fields.end(),
            [](const FieldDescriptor* a, const FieldDescriptor* b) { return a->index() < b->index(); });
  return fields;
}

std::vector<std::pair<std::string, std::string>> SortedEntries(const Message& message,
                                                               const FieldDescriptor& field) {
  std::vector<std::pair<std::string, std::string>> entries;
  const Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    entries.emplace_back(ScalarText(entry, *field.message_type()->map_key(), -1),
                         ScalarText(entry, *field.message_type()->map_value(), -1));
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

std::string ListText(const Message& message, const FieldDescriptor& field) {
  std::vector<std::string> items;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
    items.push_back(ScalarText(message, field, i));
  }
  return absl::StrCat("[", absl::StrJoin(items, ", "), "]");
}

std::string Join(const std::string& path, absl::string_view field) {
  return path.empty() ? std::string(field) : absl::StrCat(path, ".", field);
}

// Values by path; messages without any value stand for themselves with "{}".
void CollectValues(const Message& message, const std::string& path,
                   std::map<std::string, std::string>* values) {
  for (const FieldDescriptor* field : SetFields(message)) {
    const std::string field_path = Join(path, field->name());
    const Reflection& reflection = *message.GetReflection();
    if (field->is_map()) {
      for (const auto& [key, value] : SortedEntries(message, *field))
        (*values)[Join(field_path, key)] = value;
    } else if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      (*values)[field_path] =
          field->is_repeated() ? ListText(message, *field) : ScalarText(message, *field, -1);
    } else if (field->is_repeated()) {
      for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
        CollectValues(reflection.GetRepeatedMessage(message, field, i), absl::StrCat(field_path, "[", i, "]"),
                      values);
      }
    } else {
      const Message& inner = reflection.GetMessage(message, field);
      if (SetFields(inner).empty()) (*values)[field_path] = "{}";
      CollectValues(inner, field_path, values);
    }
  }
}

std::map<std::string, std::string> ValuesOf(const v1::JobSpec& spec) {
  std::map<std::string, std::string> values;
  CollectValues(spec, "", &values);
  return values;
}

// A way from a spec to one of its values.
struct PathStep {
  const FieldDescriptor* field;
  int index;  // of a repeated message; -1: not repeated
};
struct ValuePlace {
  std::string path;
  std::vector<PathStep> steps;
};

// The places of everything CollectValues names; of a map that of all its entries together.
void CollectPlaces(const Message& message, const ValuePlace& at, std::vector<ValuePlace>* places) {
  for (const FieldDescriptor* field : SetFields(message)) {
    const Reflection& reflection = *message.GetReflection();
    const bool is_message = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (field->is_map()) {
      ValuePlace place = at;
      place.path = Join(at.path, field->name());
      place.steps.push_back({field, -1});
      places->push_back(place);
      continue;
    }
    const int count = is_message && field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const bool repeated = is_message && field->is_repeated();
      ValuePlace place = at;
      place.path = Join(at.path, field->name());
      if (repeated) absl::StrAppend(&place.path, "[", i, "]");
      place.steps.push_back({field, repeated ? i : -1});
      const Message* inner = !is_message ? nullptr
                             : repeated  ? &reflection.GetRepeatedMessage(message, field, i)
                                         : &reflection.GetMessage(message, field);
      if (inner == nullptr || (!repeated && SetFields(*inner).empty())) places->push_back(place);
      if (inner != nullptr) CollectPlaces(*inner, place, places);
    }
  }
}

std::vector<ValuePlace> PlacesOf(const v1::JobSpec& spec) {
  std::vector<ValuePlace> places;
  CollectPlaces(spec, {}, &places);
  return places;
}

void ClearValue(const std::vector<PathStep>& steps, Message* message) {
  for (size_t i = 0; i + 1 < steps.size(); ++i) {
    const Reflection& reflection = *message->GetReflection();
    message = steps[i].index < 0 ? reflection.MutableMessage(message, steps[i].field)
                                 : reflection.MutableRepeatedMessage(message, steps[i].field, steps[i].index);
  }
  message->GetReflection()->ClearField(message, steps.back().field);
}

// The message that holds the value.
const Message& MessageAt(const std::vector<PathStep>& steps, const v1::JobSpec& spec) {
  const Message* message = &spec;
  for (size_t i = 0; i + 1 < steps.size(); ++i) {
    const Reflection& reflection = *message->GetReflection();
    message = steps[i].index < 0 ? &reflection.GetMessage(*message, steps[i].field)
                                 : &reflection.GetRepeatedMessage(*message, steps[i].field, steps[i].index);
  }
  return *message;
}

// Empty when it is not set.
std::string ValueText(const std::vector<PathStep>& steps, const v1::JobSpec& spec) {
  const Message* message = &MessageAt(steps, spec);
  const FieldDescriptor& field = *steps.back().field;
  const Reflection& reflection = *message->GetReflection();
  if (field.is_map()) {
    return absl::StrJoin(SortedEntries(*message, field), ", ", absl::PairFormatter(": "));
  }
  if (field.is_repeated()) return reflection.FieldSize(*message, &field) > 0 ? ListText(*message, field) : "";
  if (!reflection.HasField(*message, &field)) return "";
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE ? "{}" : ScalarText(*message, field, -1);
}

// The paths at a place: one, or one for each entry of a map.
std::vector<std::string> ValuePaths(const ValuePlace& place, const v1::JobSpec& spec) {
  if (!place.steps.back().field->is_map()) return {place.path};
  std::vector<std::string> paths;
  for (const auto& [key, value] : SortedEntries(MessageAt(place.steps, spec), *place.steps.back().field)) {
    paths.push_back(Join(place.path, key));
  }
  return paths;
}

class SpecWriter {
 public:
  explicit SpecWriter(const Origins& origins) : origins_(origins) {}

  void Write(const Message& message, int indent, const std::string& path) {
    for (const FieldDescriptor* field : SetFields(message)) {
      const std::string field_path = Join(path, field->name());
      if (field->is_map()) {
        Line(indent, absl::StrCat(field->name(), ":"), "");
        for (const auto& [key, value] : SortedEntries(message, *field)) {
          Line(indent + 2, absl::StrCat(key, ": ", value), Join(field_path, key));
        }
      } else if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
        const std::string value =
            field->is_repeated() ? ListText(message, *field) : ScalarText(message, *field, /*index=*/-1);
        Line(indent, absl::StrCat(field->name(), ": ", value), field_path);
      } else if (field->is_repeated()) {
        WriteList(message, *field, indent, field_path);
      } else {
        WriteInner(message.GetReflection()->GetMessage(message, field), field->name(), indent, field_path);
      }
    }
  }

  std::string text() && { return std::move(text_); }

 private:
  void Line(int indent, absl::string_view content, const std::string& path) {
    std::string line = absl::StrCat(std::string(indent, ' '), content);
    if (dash_column_ >= 0) line[dash_column_] = '-';
    dash_column_ = -1;
    const auto origin = origins_.find(path);
    if (origin != origins_.end()) {
      line.resize(std::max(line.size() + 1, kCommentColumn), ' ');
      absl::StrAppend(&line, "# ", origin->second);
    }
    absl::StrAppend(&text_, line, "\n");
  }

  void WriteInner(const Message& inner, const std::string& name, int indent, const std::string& path) {
    const bool is_empty = SetFields(inner).empty();
    Line(indent, absl::StrCat(name, is_empty ? ": {}" : ":"), is_empty ? path : "");
    Write(inner, indent + 2, path);
  }

  void WriteList(const Message& message, const FieldDescriptor& field, int indent, const std::string& path) {
    Line(indent, absl::StrCat(field.name(), ":"), "");
    for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
      const Message& item = message.GetReflection()->GetRepeatedMessage(message, &field, i);
      dash_column_ = indent;
      if (SetFields(item).empty()) Line(indent + 2, "{}", "");
      Write(item, indent + 2, absl::StrCat(path, "[", i, "]"));
    }
  }

  const Origins& origins_;
  std::string text_;
  int dash_column_ = -1;  // where the next line gets the dash of a list's item; -1: nowhere
};

}  // namespace

Origins FindOrigins(const v1::JobSpec& given, const v1::JobSpec& resolved) {
  const std::map<std::string, std::string> given_values = ValuesOf(given);
  Origins origins;
  for (const auto& [path, value] : ValuesOf(resolved)) {
    origins[path] = given_values.count(path) > 0 ? "given" : "default";
  }
  return origins;
}

Origins RecallOrigins(const v1::JobSpec& resolved) {
  Origins origins;
  for (const ValuePlace& place : PlacesOf(resolved)) {
    v1::JobSpec refilled = resolved;
    ClearValue(place.steps, &refilled);
    ApplyDefaults(&refilled);
    const bool is_default = ValueText(place.steps, refilled) == ValueText(place.steps, resolved);
    for (const std::string& path : ValuePaths(place, resolved)) {
      origins[path] = is_default ? "default" : "given";
    }
  }
  return origins;
}

std::vector<std::string> FindChanges(const v1::JobSpec& before, const v1::JobSpec& after) {
  const std::map<std::string, std::string> old_values = ValuesOf(before);
  std::vector<std::string> changes;
  for (const auto& [path, value] : ValuesOf(after)) {
    const auto old_value = old_values.find(path);
    if (old_value == old_values.end() || old_value->second != value) changes.push_back(path);
  }
  return changes;
}

std::string SpecToYaml(const v1::JobSpec& spec, const Origins& origins) {
  SpecWriter writer(origins);
  writer.Write(spec, /*indent=*/0, "");
  return std::move(writer).text();
}

}  // namespace pretext
