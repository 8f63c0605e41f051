#include "worker/stages/stage_result.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/cpp/sha256.h"
#include "proto/cpp/status_macros.h"
#include "worker/checkpoint/export_weights.h"
#include "worker/checkpoint/whole_file.h"

namespace pretext {
namespace {

using Json = nlohmann::ordered_json;

std::string PathOf(const std::string& output, const std::string& stage) {
  return absl::StrCat(output, "/results/", stage, ".json");
}

// NOT_FOUND, DATA_LOSS.
absl::StatusOr<Json> ReadResult(const std::string& path) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": not there"));
  std::stringstream text;
  text << file.rdbuf();
  Json json = Json::parse(text.str(), nullptr, /*allow_exceptions=*/false);
  const bool whole = json.is_object() && json.contains("files") && json["files"].is_object() &&
                     json.contains("job_digest") && json["job_digest"].is_string() &&
                     json.contains("attempt") && json["attempt"].is_number_integer();
  if (!whole) return absl::DataLossError(absl::StrCat(path, ": is no stage's result"));
  return json;
}

}  // namespace

absl::Status WriteStageResult(const std::string& output, const StageResult& result) {
  Json json = {{"stage", result.stage},
               {"attempt", result.attempt},
               {"job_digest", result.job_digest},
               {"seed", result.seed}};
  json["files"] = Json::object();
  for (const std::string& file : result.files) {
    PRETEXT_ASSIGN_OR_RETURN(json["files"][file], Sha256HexOfFile(absl::StrCat(output, "/", file)));
  }
  json.update(result.found);
  PRETEXT_RETURN_IF_ERROR(MakeFolders(output + "/results"));
  return WriteWholeFile(PathOf(output, result.stage), json.dump(2) + "\n");
}

absl::Status FindStageResult(const std::string& output, const std::string& stage,
                             const std::string& job_digest, int forgotten_attempts) {
  const std::string path = PathOf(output, stage);
  PRETEXT_ASSIGN_OR_RETURN(const Json json, ReadResult(path));
  if (json["attempt"].get<int>() <= forgotten_attempts) {
    return absl::NotFoundError(absl::StrCat(path, ": is of an attempt that is to be forgotten"));
  }
  if (json["job_digest"].get<std::string>() != job_digest) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": is the result of another job"));
  }
  for (const auto& [name, digest] : json["files"].items()) {
    const absl::StatusOr<std::string> found = Sha256HexOfFile(absl::StrCat(output, "/", name));
    if (!found.ok() || !digest.is_string() || *found != digest.get<std::string>()) {
      return absl::DataLossError(absl::StrCat(output, "/", name, ": is not as stage ", stage, " left it"));
    }
  }
  return absl::OkStatus();
}

absl::Status ForgetStage(const std::string& output, const std::string& stage, const std::string& job_digest) {
  namespace fs = std::filesystem;
  std::error_code error;
  std::vector<fs::path> left;
  // Only whose it is counts, so the weights it names need not be read.
  const absl::StatusOr<Json> result = ReadResult(PathOf(output, stage));
  const bool is_anothers = result.ok() && (*result)["job_digest"].get<std::string>() != job_digest;
  if (!is_anothers) left.push_back(PathOf(output, stage));
  for (fs::directory_iterator plot(absl::StrCat(output, "/plots"), error);
       !error && plot != fs::directory_iterator(); plot.increment(error)) {
    // A stage called "a-loss" may lose its plots to one called "a": they are drawn anew.
    if (absl::StartsWith(plot->path().filename().string(), stage + "-")) left.push_back(plot->path());
  }
  for (const fs::path& path : left) {
    fs::remove(path, error);
    if (error) return FileError("remove", path.string(), error.value());
  }
  return ForgetExport(output, stage, job_digest);
}

}  // namespace pretext
