#include "worker/report/metrics_file.h"

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kTimeFormat[] = "%Y-%m-%dT%H:%M:%E3SZ";

}  // namespace

std::string ToJsonLine(const MetricsRow& row) {
  Json line = {{"stage", row.stage}};
  if (row.epoch.has_value()) line["epoch"] = *row.epoch;
  line["step"] = row.step;
  if (row.steps.has_value()) line["steps"] = *row.steps;
  line["attempt"] = row.attempt;
  line["time"] = absl::FormatTime(kTimeFormat, row.time, absl::UTCTimeZone());
  for (const auto& [name, value] : row.values) {
    if (line.contains(name)) continue;
    line[name] = std::isfinite(value) ? Json(value) : Json(nullptr);
  }
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::optional<MetricsRow> FromJsonLine(absl::string_view text) {
  const Json line = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!line.is_object()) return absl::nullopt;
  MetricsRow row;
  int told = 0;
  for (const auto& [name, value] : line.items()) {
    if (name == "stage" && value.is_string()) {
      row.stage = value.get<std::string>();
      ++told;
    } else if (name == "step" && value.is_number_integer()) {
      row.step = value.get<int64_t>();
      ++told;
    } else if (name == "epoch" && value.is_number_integer()) {
      row.epoch = value.get<int32_t>();
    } else if (name == "steps" && value.is_number_integer()) {
      row.steps = value.get<int64_t>();
    } else if (name == "attempt" && value.is_number_integer()) {
      row.attempt = value.get<int32_t>();
    } else if (name == "time" && value.is_string()) {
      std::string error;
      absl::ParseTime(kTimeFormat, value.get<std::string>(), &row.time, &error);
    } else if (value.is_number()) {
      row.values.emplace_back(name, value.get<double>());
    } else if (value.is_null()) {
      row.values.emplace_back(name, std::numeric_limits<double>::quiet_NaN());
    }
  }
  if (told < 2) return absl::nullopt;
  return row;
}

absl::StatusOr<std::unique_ptr<MetricsFile>> MetricsFile::Open(const std::string& path) {
  PRETEXT_ASSIGN_OR_RETURN(std::unique_ptr<AppendFile> file, AppendFile::Open(path));
  return std::unique_ptr<MetricsFile>(new MetricsFile(std::move(file)));
}

absl::Status MetricsFile::Append(const MetricsRow& row) { return file_->Append(ToJsonLine(row)); }

absl::StatusOr<int64_t> MetricsFile::Filter(const std::function<bool(const MetricsRow&)>& keep) {
  const std::string path = file_->path();
  const std::string copy_path = path + ".new";
  std::remove(copy_path.c_str());
  PRETEXT_ASSIGN_OR_RETURN(std::unique_ptr<AppendFile> copy, AppendFile::Open(copy_path));
  std::ifstream lines(path, std::ios::binary);
  std::string line, kept;
  int64_t dropped = 0;
  absl::Status status;
  while (status.ok() && std::getline(lines, line)) {
    const absl::optional<MetricsRow> row = FromJsonLine(line);
    // A line without an end was cut off.
    if (!row.has_value() || lines.eof() || !keep(*row)) {
      ++dropped;
      continue;
    }
    absl::StrAppend(&kept, line, "\n");
    if (kept.size() > 1 << 20) {
      status = copy->Append(kept);
      kept.clear();
    }
  }
  if (lines.bad()) status.Update(absl::UnavailableError(absl::StrCat("cannot read ", path)));
  if (status.ok()) status = copy->Append(kept);
  if (status.ok() && dropped > 0) status = copy->Sync();
  if (status.ok() && dropped > 0 && std::rename(copy_path.c_str(), path.c_str()) != 0) {
    status = absl::ErrnoToStatus(errno, absl::StrCat("cannot replace ", path));
  }
  if (!status.ok() || dropped == 0) {
    std::remove(copy_path.c_str());
    if (!status.ok()) return status;
    return 0;
  }
  PRETEXT_ASSIGN_OR_RETURN(file_, AppendFile::Open(path));
  return dropped;
}

}  // namespace pretext
