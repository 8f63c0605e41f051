#include "worker/checkpoint/checkpoint_manifest.h"

#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/cpp/sha256.h"

namespace pretext {
namespace {

using Json = nlohmann::json;  // keys sorted: equal values give equal texts

constexpr int kFormat = 1;
constexpr char kTimeFormat[] = "%Y-%m-%dT%H:%M:%E3SZ";

std::string ToText(const Json& json, int indent) {
  return json.dump(indent, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

// Of everything but the time and the digest itself.
std::string DigestOf(Json json) {
  json.erase("created");
  json.erase("digest");
  return Sha256Hex(ToText(json, /*indent=*/-1));
}

Json FilesToJson(const std::map<std::string, CheckpointManifest::File>& files) {
  Json json = Json::object();
  for (const auto& [name, file] : files) json[name] = {{"bytes", file.bytes}, {"sha256", file.sha256}};
  return json;
}

// REQUIRES: the digest was right, so that every field is as FormatManifest wrote it.
absl::StatusOr<CheckpointManifest> FromJson(const Json& json) {
  CheckpointManifest manifest;
  CheckpointPosition& position = manifest.position;
  position.stage = json.at("stage").get<std::string>();
  position.stage_index = json.at("stage_index").get<int32_t>();
  position.step = json.at("step").get<int64_t>();
  position.epoch = json.at("epoch").get<int32_t>();
  position.attempt = json.at("attempt").get<int32_t>();
  position.job_digest = json.at("job_digest").get<std::string>();
  manifest.facts = json.at("facts");
  for (const auto& [name, file] : json.at("files").items()) {
    manifest.files[name] = {file.at("bytes").get<int64_t>(), file.at("sha256").get<std::string>()};
  }
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, json.at("created").get<std::string>(), &manifest.created,
                       &error)) {
    return absl::DataLossError(absl::StrCat("created is no time: ", error));
  }
  return manifest;
}

}  // namespace

bool IsFurther(const CheckpointPosition& a, const CheckpointPosition& b) {
  return std::tie(a.stage_index, a.step) > std::tie(b.stage_index, b.step);
}

absl::StatusOr<std::string> FormatManifest(const CheckpointManifest& manifest) {
  const CheckpointPosition& position = manifest.position;
  Json json = {{"format", kFormat},
               {"stage", position.stage},
               {"stage_index", position.stage_index},
               {"step", position.step},
               {"epoch", position.epoch},
               {"attempt", position.attempt},
               {"job_digest", position.job_digest},
               {"created", absl::FormatTime(kTimeFormat, manifest.created, absl::UTCTimeZone())},
               {"facts", manifest.facts},
               {"files", FilesToJson(manifest.files)}};
  json["digest"] = DigestOf(json);
  const std::string text = ToText(json, /*indent=*/2) + "\n";
  if (Json::parse(text) != json) {
    return absl::InvalidArgumentError(
        absl::StrCat("checkpoint: its facts hold a number that is not finite or text that is not UTF-8: ",
                     ToText(manifest.facts, /*indent=*/-1)));
  }
  return text;
}

absl::StatusOr<CheckpointManifest> ParseManifest(absl::string_view text) {
  const Json json = Json::parse(text.begin(), text.end(), /*callback=*/nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::DataLossError("it is cut or altered: not a JSON object");
  const auto format = json.find("format");
  if (format == json.end() || *format != kFormat) {
    return absl::DataLossError(
        absl::StrCat("its format is not ", kFormat, ": it is altered, or of another version of the program"));
  }
  const auto digest = json.find("digest");
  if (digest == json.end() || *digest != DigestOf(json)) {
    return absl::DataLossError("it is altered: its digest does not fit");
  }
  try {
    return FromJson(json);
  } catch (const Json::exception& error) {
    return absl::DataLossError(absl::StrCat("it is not a checkpoint's: ", error.what()));
  }
}

}  // namespace pretext
