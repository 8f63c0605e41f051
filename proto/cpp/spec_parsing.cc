#include "proto/cpp/spec_parsing.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "proto/cpp/nearest_name.h"
#include "proto/cpp/quoted_text.h"
#include "proto/cpp/utf8.h"

namespace pretext {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::EnumValueDescriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;

constexpr size_t kLongestText = 1 << 20;
// Values read, those counted again that an alias (*name) repeats. A job that may be sent has far fewer.
constexpr int kMostValues = 50'000;
constexpr size_t kLongestPath = 200;  // in messages

SourcePlace PlaceOf(const YAML::Mark& mark) {
  return mark.is_null() ? SourcePlace() : SourcePlace{mark.line + 1, mark.column + 1};
}

std::vector<std::string> FieldNames(const Descriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
  return names;
}

std::string Join(const std::string& path, absl::string_view field) {
  return path.empty() ? std::string(field) : absl::StrCat(path, ".", field);
}

// For messages: 'x', a list, a map, nothing.
std::string Describe(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Scalar:
      return Quoted(node.Scalar());
    case YAML::NodeType::Sequence:
      return "a list";
    case YAML::NodeType::Map:
      return "a map";
    default:
      return "nothing";
  }
}

// Turns YAML nodes into fields by reflection.
class SpecReader {
 public:
  SpecReader(SourceMap* places, std::vector<SpecFault>* faults) : places_(places), faults_(faults) {}

  // `place` is where the message begins, for faults of the whole.
  void ReadMessage(const YAML::Node& node, const std::string& path, SourcePlace place, Message* message) {
    if (node.IsNull() || !MayGoOn()) return;
    const Descriptor& type = *message->GetDescriptor();
    if (!node.IsMap()) {
      return Fault(path, place,
                   absl::StrCat("must be a map with keys among ", absl::StrJoin(FieldNames(type), ", "),
                                ", not ", Describe(node)));
    }
    std::set<std::string> seen;
    for (const auto& entry : node) {
      const SourcePlace key_place = PlaceOf(entry.first.Mark());
      if (!entry.first.IsScalar()) {
        Fault(path, key_place, absl::StrCat("has a key that is ", Describe(entry.first), ", not a name"));
        continue;
      }
      const std::string& key = entry.first.Scalar();
      if (!seen.insert(key).second) {
        Fault(Join(path, key), key_place, absl::StrCat(Quoted(key), " is given twice"));
        continue;
      }
      ReadKey(key, entry.second, path, key_place, message);
    }
  }

  void ReadField(const FieldDescriptor& field, const YAML::Node& node, const std::string& path,
                 SourcePlace place, Message* message) {
    if (field.is_map()) return ReadMap(field, node, path, place, message);
    if (field.is_repeated()) return ReadList(field, node, path, place, message);
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      return ReadMessage(node, path, place, message->GetReflection()->MutableMessage(message, &field));
    }
    if (node.IsNull()) return;
    ReadScalar(field, node, path, place, message);
  }

 private:
  void Fault(const std::string& path, SourcePlace place, std::string message) {
    faults_->push_back({path, place, std::move(message)});
  }

  // Counts one more value; false, once with a fault, when there are too many.
  bool MayGoOn() {
    if (values_ == kMostValues) {
      Fault("", SourcePlace(),
            absl::StrCat("has more than ", kMostValues,
                         " values, counting those that aliases (*name) repeat; make several jobs of it"));
    }
    return ++values_ <= kMostValues;
  }

  void ReadKey(const std::string& key, const YAML::Node& value, const std::string& path, SourcePlace place,
               Message* message) {
    if (!MayGoOn()) return;
    const Descriptor& type = *message->GetDescriptor();
    const FieldDescriptor* field = type.FindFieldByName(key);
    if (field == nullptr) {
      return Fault(Join(path, key), place,
                   absl::StrCat("unknown key ", Quoted(key), DidYouMean(key, FieldNames(type))));
    }
    if (field->real_containing_oneof() != nullptr) {
      const FieldDescriptor* other =
          message->GetReflection()->GetOneofFieldDescriptor(*message, field->real_containing_oneof());
      if (other != nullptr) {
        return Fault(Join(path, key), place,
                     absl::StrCat("gives both ", other->name(), " and ", key, "; only one of them can be"));
      }
    }
    places_->Set(Join(path, key), place);
    ReadField(*field, value, Join(path, key), place, message);
  }

  void ReadMap(const FieldDescriptor& field, const YAML::Node& node, const std::string& path,
               SourcePlace place, Message* message) {
    if (node.IsNull()) return;
    if (!node.IsMap()) return Fault(path, place, absl::StrCat("must be a map, not ", Describe(node)));
    std::set<std::string> seen;
    for (const auto& entry : node) {
      const SourcePlace key_place = PlaceOf(entry.first.Mark());
      if (!entry.first.IsScalar()) {
        Fault(path, key_place, absl::StrCat("has a key that is ", Describe(entry.first), ", not a name"));
        continue;
      }
      const std::string key_path = Join(path, entry.first.Scalar());
      if (!seen.insert(entry.first.Scalar()).second) {
        Fault(key_path, key_place, absl::StrCat(Quoted(entry.first.Scalar()), " is given twice"));
        continue;
      }
      places_->Set(key_path, key_place);
      Message* added = message->GetReflection()->AddMessage(message, &field);
      ReadScalar(*field.message_type()->map_key(), entry.first, key_path, key_place, added);
      ReadField(*field.message_type()->map_value(), entry.second, key_path, key_place, added);
    }
  }

  void ReadList(const FieldDescriptor& field, const YAML::Node& node, const std::string& path,
                SourcePlace place, Message* message) {
    if (node.IsNull()) return;
    if (!node.IsSequence()) {
      return Fault(path, place, absl::StrCat("must be a list (\"- ...\" or [...]), not ", Describe(node)));
    }
    int index = 0;
    for (const auto& item : node) {
      if (!MayGoOn()) return;
      const std::string item_path = absl::StrCat(path, "[", index++, "]");
      SourcePlace item_place = PlaceOf(item.Mark());
      if (item_place.line == 0) item_place = place;
      places_->Set(item_path, item_place);
      if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        ReadMessage(item, item_path, item_place, message->GetReflection()->AddMessage(message, &field));
      } else {
        ReadScalar(field, item, item_path, item_place, message);
      }
    }
  }

  void ReadScalar(const FieldDescriptor& field, const YAML::Node& node, const std::string& path,
                  SourcePlace place, Message* message) {
    const std::string wanted = Wanted(field);
    if (!node.IsScalar() || !StoreScalar(field, node.Scalar(), message)) {
      std::string hint;
      if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM && node.IsScalar()) {
        const std::string nearest = NearestName(node.Scalar(), ValueNames(field));
        if (!nearest.empty()) hint = absl::StrCat("; did you mean ", nearest, "?");
      }
      Fault(path, place, absl::StrCat(field.name(), " must be ", wanted, ", not ", Describe(node), hint));
    }
  }

  static std::vector<std::string> ValueNames(const FieldDescriptor& field) {
    std::vector<std::string> names;
    for (int i = 0; i < field.enum_type()->value_count(); ++i) {
      const EnumValueDescriptor& value = *field.enum_type()->value(i);
      if (value.number() != 0) names.push_back(value.name());
    }
    return names;
  }

  static std::string Wanted(const FieldDescriptor& field) {
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
      case FieldDescriptor::CPPTYPE_INT64:
        return "a whole number";
      case FieldDescriptor::CPPTYPE_UINT32:
      case FieldDescriptor::CPPTYPE_UINT64:
        return "a whole number, 0 or more";
      case FieldDescriptor::CPPTYPE_DOUBLE:
      case FieldDescriptor::CPPTYPE_FLOAT:
        return "a number";
      case FieldDescriptor::CPPTYPE_BOOL:
        return "true or false";
      case FieldDescriptor::CPPTYPE_ENUM:
        return absl::StrCat("one of ", absl::StrJoin(ValueNames(field), ", "));
      default:
        return "a text";
    }
  }

  // False when the text is not a value of the field's type.
  static bool StoreScalar(const FieldDescriptor& field, const std::string& text, Message* message) {
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return StoreNumber<int32_t>(field, text, message, &Reflection::SetInt32, &Reflection::AddInt32);
      case FieldDescriptor::CPPTYPE_INT64:
        return StoreNumber<int64_t>(field, text, message, &Reflection::SetInt64, &Reflection::AddInt64);
      case FieldDescriptor::CPPTYPE_UINT32:
        return StoreNumber<uint32_t>(field, text, message, &Reflection::SetUInt32, &Reflection::AddUInt32);
      case FieldDescriptor::CPPTYPE_UINT64:
        return StoreNumber<uint64_t>(field, text, message, &Reflection::SetUInt64, &Reflection::AddUInt64);
      case FieldDescriptor::CPPTYPE_DOUBLE:
      case FieldDescriptor::CPPTYPE_FLOAT:
        return StoreDouble(field, text, message);
      case FieldDescriptor::CPPTYPE_BOOL: {
        const bool is_true = absl::EqualsIgnoreCase(text, "true");
        if (!is_true && !absl::EqualsIgnoreCase(text, "false")) return false;
        message->GetReflection()->SetBool(message, &field, is_true);
        return true;
      }
      case FieldDescriptor::CPPTYPE_ENUM: {
        const EnumValueDescriptor* value = field.enum_type()->FindValueByName(absl::AsciiStrToUpper(text));
        if (value == nullptr || value->number() == 0) return false;
        message->GetReflection()->SetEnum(message, &field, value);
        return true;
      }
      default:
        if (text.find('\0') != std::string::npos) return false;
        if (field.is_repeated()) {
          message->GetReflection()->AddString(message, &field, text);
        } else {
          message->GetReflection()->SetString(message, &field, text);
        }
        return true;
    }
  }

  template <typename Number, typename Set, typename Add>
  static bool StoreNumber(const FieldDescriptor& field, const std::string& text, Message* message, Set set,
                          Add add) {
    Number number;
    if (!absl::SimpleAtoi(text, &number)) return false;
    const Reflection& reflection = *message->GetReflection();
    field.is_repeated() ? (reflection.*add)(message, &field, number)
                        : (reflection.*set)(message, &field, number);
    return true;
  }

  static bool StoreDouble(const FieldDescriptor& field, const std::string& text, Message* message) {
    double number;
    if (!absl::SimpleAtod(text, &number) || !std::isfinite(number)) return false;
    if (field.is_repeated()) {
      message->GetReflection()->AddDouble(message, &field, number);
    } else {
      message->GetReflection()->SetDouble(message, &field, number);
    }
    return true;
  }

  SourceMap* places_;
  std::vector<SpecFault>* faults_;
  int values_ = 0;
};

// The one place where yaml-cpp's exceptions stop. Null when the text is empty. (YAML::LoadAll never returns
// on some broken texts; Load does.)
YAML::Node LoadYaml(const std::string& text, std::vector<SpecFault>* faults) {
  try {
    return YAML::Load(text);
  } catch (const YAML::Exception& exception) {
    faults->push_back({"", PlaceOf(exception.mark), absl::StrCat("is not YAML: ", exception.msg)});
  } catch (const std::exception& exception) {
    faults->push_back({"", SourcePlace(), absl::StrCat("is not YAML: ", exception.what())});
  }
  return YAML::Node();
}

// The line of the "---" that begins a second document; 0 when there is none.
int FindSecondDocument(absl::string_view text) {
  int number = 0;
  bool begun = false;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    const absl::string_view word = absl::StripAsciiWhitespace(line);
    if (absl::StartsWith(line, "---") && (line.size() == 3 || absl::ascii_isspace(line[3]))) {
      if (begun) return number;
      begun = true;
    } else if (!word.empty() && word[0] != '#' && word[0] != '%') {
      begun = true;
    }
  }
  return 0;
}

bool IsEarlier(const SpecFault& a, const SpecFault& b) {
  return std::make_pair(a.place.line, a.place.column) < std::make_pair(b.place.line, b.place.column);
}

// "tasks[1]" -> ("tasks", 1); "tasks" -> ("tasks", -1). False when it is neither.
bool SplitIndex(absl::string_view part, std::string* name, int* index) {
  const size_t bracket = part.find('[');
  *name = std::string(part.substr(0, bracket));
  *index = -1;
  if (bracket == absl::string_view::npos) return !name->empty();
  return !name->empty() && part.back() == ']' &&
         absl::SimpleAtoi(part.substr(bracket + 1, part.size() - bracket - 2), index) && *index >= 0;
}

// Walks along `path` and reads `value` into its last field.
class PathSetter {
 public:
  PathSetter(absl::string_view path, const YAML::Node& value) : path_(path), value_(value) {}

  absl::Status Set(absl::string_view rest, Message* message) {
    const size_t dot = rest.find('.');
    const absl::string_view part = rest.substr(0, dot);
    std::string name;
    int index = -1;
    if (!SplitIndex(part, &name, &index)) return Wrong(absl::StrCat(Quoted(part), " is not a field name"));
    const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(name);
    if (field == nullptr) {
      return Wrong(absl::StrCat("there is no field ", Quoted(name),
                                DidYouMean(name, FieldNames(*message->GetDescriptor()))));
    }
    if (field->is_map()) return SetMapEntry(*field, rest, dot, message);
    if (index >= 0 && !field->is_repeated()) return Wrong(absl::StrCat(name, " is not a list"));
    const bool last = dot == absl::string_view::npos;
    if (field->is_repeated() && index >= 0) {
      if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
        return Wrong(absl::StrCat("set the whole list: ", name, "=[...]"));
      }
      return SetElement(*field, index, last ? "" : rest.substr(dot + 1), message);
    }
    if (last) return SetWhole(*field, message);
    if (field->is_repeated()) return Wrong(absl::StrCat(name, " is a list: say which, ", name, "[0]"));
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE)
      return Wrong(absl::StrCat(name, " has no fields"));
    return Set(rest.substr(dot + 1), message->GetReflection()->MutableMessage(message, field));
  }

 private:
  absl::Status Wrong(absl::string_view why) const {
    return absl::InvalidArgumentError(absl::StrCat("--set ", CutBytes(path_, kLongestPath), ": ", why));
  }

  absl::Status Check(const std::vector<SpecFault>& faults) const {
    if (faults.empty()) return absl::OkStatus();
    const SpecFault& fault = faults.front();
    return Wrong(fault.path.empty() ? fault.message : absl::StrCat(fault.path, ": ", fault.message));
  }

  absl::Status SetElement(const FieldDescriptor& field, int index, absl::string_view rest, Message* message) {
    const Reflection& reflection = *message->GetReflection();
    const int size = reflection.FieldSize(*message, &field);
    if (index > size)
      return Wrong(absl::StrCat(field.name(), " has ", size, " elements, so there is no [", index, "]"));
    Message* element = index == size ? reflection.AddMessage(message, &field)
                                     : reflection.MutableRepeatedMessage(message, &field, index);
    if (!rest.empty()) return Set(rest, element);
    element->Clear();
    return ReadWholeMessage(element);
  }

  absl::Status ReadWholeMessage(Message* message) const {
    SourceMap places;
    std::vector<SpecFault> faults;
    SpecReader(&places, &faults).ReadMessage(value_, "", SourcePlace(), message);
    return Check(faults);
  }

  absl::Status SetWhole(const FieldDescriptor& field, Message* message) const {
    message->GetReflection()->ClearField(message, &field);
    SourceMap places;
    std::vector<SpecFault> faults;
    SpecReader(&places, &faults).ReadField(field, value_, "", SourcePlace(), message);
    return Check(faults);
  }

  // labels.team=vision; what follows the first dot is the key.
  absl::Status SetMapEntry(const FieldDescriptor& field, absl::string_view rest, size_t dot,
                           Message* message) const {
    if (dot == absl::string_view::npos) return SetWhole(field, message);
    if (!value_.IsScalar()) return Wrong("the value must be a text");
    YAML::Node entry;
    entry[std::string(rest.substr(dot + 1))] = value_.Scalar();
    SourceMap places;
    std::vector<SpecFault> faults;
    SpecReader(&places, &faults).ReadField(field, entry, "", SourcePlace(), message);
    return Check(faults);
  }

  absl::string_view path_;
  const YAML::Node& value_;
};

}  // namespace

SourcePlace SourceMap::Find(absl::string_view path) const {
  while (!path.empty()) {
    const auto found = places_.find(std::string(path));
    if (found != places_.end()) return found->second;
    const size_t end = path.find_last_of(".[");
    path = end == absl::string_view::npos ? "" : path.substr(0, end);
  }
  return SourcePlace();
}

ParsedSpec ParseSpec(absl::string_view text) {
  ParsedSpec parsed;
  if (text.size() > kLongestText) {
    parsed.faults.push_back(
        {"", SourcePlace(),
         absl::StrCat("is ", text.size(), " bytes long; a job has at most ", kLongestText)});
    return parsed;
  }
  if (!IsValidUtf8(text)) {
    parsed.faults.push_back({"", SourcePlace(), "is not UTF-8; save it in that encoding"});
    return parsed;
  }
  const YAML::Node document = LoadYaml(std::string(text), &parsed.faults);
  if (!parsed.faults.empty()) return parsed;
  if (document.IsNull()) {
    parsed.faults.push_back({"", SourcePlace(), "is empty; a job needs at least data and stages"});
    return parsed;
  }
  if (const int line = FindSecondDocument(text); line > 0) {
    parsed.faults.push_back(
        {"", SourcePlace{line, 1}, "holds more than one document (\"---\"); submit one job at a time"});
  }
  SpecReader(&parsed.places, &parsed.faults)
      .ReadMessage(document, "", PlaceOf(document.Mark()), &parsed.spec);
  std::stable_sort(parsed.faults.begin(), parsed.faults.end(), IsEarlier);
  return parsed;
}

absl::Status SetField(absl::string_view assignment, v1::JobSpec* spec) {
  const size_t equals = assignment.find('=');
  if (equals == absl::string_view::npos || equals == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--set wants PATH=VALUE, such as stages[0].pretrain.epochs=5, not ", Quoted(assignment)));
  }
  const absl::string_view path = assignment.substr(0, equals);
  std::vector<SpecFault> faults;
  const YAML::Node value = LoadYaml(std::string(assignment.substr(equals + 1)), &faults);
  if (!faults.empty())
    return absl::InvalidArgumentError(
        absl::StrCat("--set ", CutBytes(path, kLongestPath), ": ", faults[0].message));
  return PathSetter(path, value).Set(path, spec);
}

}  // namespace pretext
