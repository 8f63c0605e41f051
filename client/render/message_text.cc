#include "client/render/message_text.h"

#include <google/protobuf/util/json_util.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/render/json_to_yaml.h"
#include "nlohmann/json.hpp"
#include "pretext/v1/job.pb.h"

namespace pretext {
namespace {

using ::google::protobuf::Message;
using Json = nlohmann::ordered_json;

constexpr int kIndent = 2;

Json Print(const Message& message, bool with_defaults) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = with_defaults;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(message, &text, options).ok()) return Json::object();
  return Json::parse(text, /*callback=*/nullptr, /*allow_exceptions=*/false);
}

Json ToJson(const Message& message) {
  const bool is_spec = message.GetDescriptor() == v1::JobSpec::descriptor();
  Json json = Print(message, /*with_defaults=*/!is_spec);
  if (message.GetDescriptor() == v1::Job::descriptor() && json.contains("spec")) {
    json["spec"] = Print(static_cast<const v1::Job&>(message).spec(), /*with_defaults=*/false);
  }
  return json;
}

// Whatever bytes a text holds, the output is JSON.
std::string Dump(const Json& json, int indent) {
  return json.dump(indent, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

std::string Indented(absl::string_view text) {
  std::string indented;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    absl::StrAppend(&indented, indented.empty() ? "" : "\n", "  ", line);
  }
  return indented;
}

}  // namespace

std::string MessageToJson(const Message& message) { return Dump(ToJson(message), kIndent) + "\n"; }

std::string MessageToJsonLine(const Message& message) { return Dump(ToJson(message), -1); }

std::string MessageToYaml(const Message& message) { return JsonToYaml(ToJson(message)); }

void MessageWriter::Add(const Message& message) {
  switch (form_) {
    case Form::kJsonArray:
      *out_ << (any_ ? ",\n" : "[\n") << Indented(Dump(ToJson(message), kIndent));
      break;
    case Form::kJsonLines:
      *out_ << Dump(ToJson(message), -1) << std::endl;
      break;
    case Form::kYamlList:
      *out_ << JsonToYaml(Json::array({ToJson(message)})) << std::flush;
      break;
  }
  any_ = true;
}

void MessageWriter::Finish() {
  if (form_ == Form::kJsonArray) *out_ << (any_ ? "\n]\n" : "[]\n");
  if (form_ == Form::kYamlList && !any_) *out_ << "[]\n";
  out_->flush();
}

}  // namespace pretext
