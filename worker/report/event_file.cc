#include "worker/report/event_file.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/cpp/status_macros.h"
#include "worker/report/crc32c.h"
#include "worker/report/tensorboard_event.pb.h"

namespace pretext {
namespace {

constexpr char kPrefix[] = "events.out.tfevents.";
constexpr size_t kSecondsDigits = 10;

void AppendLittleEndian(uint64_t value, int bytes, std::string* text) {
  for (int i = 0; i < bytes; ++i) text->push_back(static_cast<char>(value >> (8 * i)));
}

// Checksums of data that holds checksums are weak: TensorFlow stores them rotated and shifted.
uint32_t Masked(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xA282EAD8u; }

std::string HostName() {
  char name[256] = "";
  return gethostname(name, sizeof(name) - 1) == 0 && name[0] != '\0' ? name : "localhost";
}

double WallTime(absl::Time time) { return absl::ToDoubleSeconds(time - absl::UnixEpoch()); }

// The seconds in the newest file's name; 0 when there is none.
int64_t NewestSeconds(const std::string& folder) {
  int64_t newest = 0;
  for (const std::string& path : ListEventFiles(folder)) {
    const std::string name = std::filesystem::path(path).filename();
    int64_t seconds = 0;
    if (absl::SimpleAtoi(name.substr(sizeof(kPrefix) - 1, kSecondsDigits), &seconds)) {
      newest = std::max(newest, seconds);
    }
  }
  return newest;
}

std::string Frame(const tensorboard::Event& event) { return FrameRecord(event.SerializeAsString()); }

}  // namespace

std::string FrameRecord(absl::string_view payload) {
  std::string record;
  record.reserve(payload.size() + 16);
  AppendLittleEndian(payload.size(), 8, &record);
  AppendLittleEndian(Masked(Crc32c(record)), 4, &record);
  record.append(payload.data(), payload.size());
  AppendLittleEndian(Masked(Crc32c(payload)), 4, &record);
  return record;
}

std::vector<std::string> ListEventFiles(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (absl::StartsWith(entry.path().filename().string(), kPrefix)) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

absl::StatusOr<std::unique_ptr<EventFile>> EventFile::Create(const std::string& folder, absl::Time now,
                                                             bool forget_earlier) {
  const int64_t seconds = std::max(absl::ToUnixSeconds(now), NewestSeconds(folder) + 1);
  PRETEXT_ASSIGN_OR_RETURN(std::unique_ptr<AppendFile> file,
                           AppendFile::Open(absl::StrFormat("%s/%s%010d.%s.%d.0", folder, kPrefix, seconds,
                                                            HostName(), getpid())));
  tensorboard::Event version;
  version.set_wall_time(WallTime(now));
  version.set_file_version("brain.Event:2");
  std::string begin = Frame(version);
  if (forget_earlier) {
    tensorboard::Event start;
    start.set_wall_time(WallTime(now));
    start.mutable_session_log()->set_status(tensorboard::SessionLog::START);
    begin += Frame(start);
  }
  const absl::Status status = file->Append(begin);
  if (!status.ok()) {
    unlink(file->path().c_str());
    return status;
  }
  return std::unique_ptr<EventFile>(new EventFile(std::move(file)));
}

absl::Status EventFile::AddScalars(absl::Time time, int64_t step,
                                   const std::vector<std::pair<std::string, double>>& values) {
  tensorboard::Event event;
  event.set_wall_time(WallTime(time));
  event.set_step(step);
  for (const auto& [tag, number] : values) {
    tensorboard::Summary::Value* value = event.mutable_summary()->add_value();
    value->set_tag(tag);
    value->set_simple_value(static_cast<float>(number));
  }
  return file_->Append(Frame(event));
}

}  // namespace pretext
