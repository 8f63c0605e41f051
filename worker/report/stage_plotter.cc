#include "worker/report/stage_plotter.h"

#include <cstdio>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/report/append_file.h"
#include "worker/report/stage_plots.h"

namespace pretext {
namespace {

// A reader sees the old picture or the new one.
absl::Status WritePlot(const std::string& folder, const StagePlot& plot) {
  PRETEXT_ASSIGN_OR_RETURN(const std::string png, DrawPng(plot.figure));
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot make ", folder));
  const std::string path = absl::StrCat(folder, "/", plot.file);
  const std::string unfinished = absl::StrCat(folder, "/.", plot.file, ".new");
  std::remove(unfinished.c_str());
  {
    PRETEXT_ASSIGN_OR_RETURN(std::unique_ptr<AppendFile> file, AppendFile::Open(unfinished));
    const absl::Status written = file->Append(png);
    if (!written.ok()) {
      std::remove(unfinished.c_str());
      return written;
    }
  }
  if (std::rename(unfinished.c_str(), path.c_str()) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot replace ", path));
}

}  // namespace

StagePlotter::StagePlotter(std::string folder, std::function<void(const absl::Status&)> on_drawn)
    : folder_(std::move(folder)), on_drawn_(std::move(on_drawn)), thread_([this] { Run(); }) {}

StagePlotter::~StagePlotter() {
  {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
  }
  thread_.join();
}

void StagePlotter::Draw(const std::string& stage, SeriesByName series) {
  absl::MutexLock lock(&mutex_);
  waiting_[stage] = std::move(series);
}

void StagePlotter::Flush() {
  absl::MutexLock lock(&mutex_);
  auto idle = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return waiting_.empty() && !drawing_; };
  mutex_.Await(absl::Condition(&idle));
}

void StagePlotter::Run() {
  auto due = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !waiting_.empty() || closing_; };
  while (true) {
    std::map<std::string, SeriesByName> stages;
    {
      absl::MutexLock lock(&mutex_);
      drawing_ = false;
      mutex_.Await(absl::Condition(&due));
      if (waiting_.empty()) return;
      stages = std::exchange(waiting_, {});
      drawing_ = true;
    }
    for (const auto& [stage, series] : stages) {
      for (const StagePlot& plot : PlanStagePlots(stage, series)) on_drawn_(WritePlot(folder_, plot));
    }
  }
}

}  // namespace pretext
