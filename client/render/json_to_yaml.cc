#include "client/render/json_to_yaml.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace pretext {
namespace {

using Json = nlohmann::ordered_json;

// Whether YAML reads the text back as this very text without quotes.
bool IsPlain(const std::string& text) {
  if (text.empty() || (!absl::ascii_isalpha(text[0]) && text[0] != '/' && text[0] != '_')) return false;
  for (const char c : text) {
    if (!absl::ascii_isalnum(c) && !absl::StrContains("_./-", absl::string_view(&c, 1))) return false;
  }
  for (const char* word : {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}) {
    if (absl::EqualsIgnoreCase(text, word)) return false;
  }
  double number;
  return !absl::SimpleAtod(text, &number);
}

// A JSON text is a YAML text too.
std::string Scalar(const Json& json) {
  if (json.is_string() && IsPlain(json.get_ref<const std::string&>())) return json.get<std::string>();
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

bool IsBlock(const Json& json) { return json.is_structured() && !json.empty(); }

// Lines of `json`, each indented; the first one without, because it stands behind a dash.
void Append(const Json& json, int indent, bool behind_dash, std::string* text) {
  bool first = behind_dash;
  const auto margin = [&] {
    const std::string blanks(first ? 0 : indent, ' ');
    first = false;
    return blanks;
  };
  if (json.is_object() && !json.empty()) {
    for (const auto& [key, value] : json.items()) {
      absl::StrAppend(text, margin(), Scalar(Json(key)), ":");
      if (IsBlock(value)) {
        absl::StrAppend(text, "\n");
        Append(value, value.is_array() ? indent : indent + 2, /*behind_dash=*/false, text);
      } else {
        absl::StrAppend(text, " ", Scalar(value), "\n");
      }
    }
  } else if (json.is_array() && !json.empty()) {
    for (const Json& value : json) {
      absl::StrAppend(text, margin(), "- ");
      Append(value, indent + 2, /*behind_dash=*/true, text);
    }
  } else {
    absl::StrAppend(text, margin(), Scalar(json), "\n");
  }
}

}  // namespace

std::string JsonToYaml(const Json& json) {
  std::string text;
  Append(json, /*indent=*/0, /*behind_dash=*/false, &text);
  return text;
}

}  // namespace pretext
