#include "worker/report/missing_records.h"

#include "absl/strings/str_cat.h"

namespace pretext {

absl::optional<Remark> MissingRecords::Note(const std::string& file, const absl::Status& status) {
  const auto found = missing_.find(file);
  if (status.ok()) {
    if (found == missing_.end()) return absl::nullopt;
    const int64_t missing = found->second;
    missing_.erase(found);
    return Remark{v1::LogLine::INFO,
                  absl::StrCat(file, " is written again; records missing from it: ", missing)};
  }
  if (found != missing_.end()) {
    ++found->second;
    return absl::nullopt;
  }
  missing_[file] = 1;
  return Remark{v1::LogLine::WARNING,
                absl::StrCat(file, " is not written for now (", status.message(),
                             "): training goes on, and what is missing is counted; make room on the disk")};
}

std::vector<Remark> MissingRecords::Rest() const {
  std::vector<Remark> remarks;
  for (const auto& [file, missing] : missing_) {
    remarks.push_back({v1::LogLine::WARNING, absl::StrCat("records missing from ", file, ": ", missing)});
  }
  return remarks;
}

}  // namespace pretext
