#include "client/render/progress_line.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/render/plain_text.h"
#include "client/render/quantity.h"
#include "client/render/stage_results.h"

namespace pretext {
namespace {

constexpr int kWidestBar = 24;
constexpr int kNarrowestBar = 8;

struct Part {
  std::string text;
  int rank;  // those with a larger one are left out first
};

double ShareDone(const v1::Progress& progress) {
  if (progress.steps() <= 0) return 0;
  return std::min(1.0, static_cast<double>(progress.step()) / static_cast<double>(progress.steps()));
}

std::string Bar(double share, int width, bool utf8) {
  const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int eighths = static_cast<int>(std::floor(share * width * 8));
  const int whole = eighths / 8;
  std::string filled;
  int columns = whole;
  for (int i = 0; i < whole; ++i) filled += utf8 ? "█" : "#";
  if (utf8 && whole < width && eighths % 8 > 0) {
    filled += kEighths[eighths % 8];
    ++columns;
  }
  return absl::StrCat("[", filled, std::string(width - columns, ' '), "]");
}

std::vector<Part> PartsOf(const v1::Job& job) {
  const v1::Progress& progress = job.progress();
  std::vector<Part> parts;
  const int index = StageIndex(job);
  parts.push_back({absl::StrCat(job.spec().stages_size() > 1
                                    ? absl::StrCat("[", index + 1, "/", job.spec().stages_size(), "] ")
                                    : "",
                                OneLine(progress.stage())),
                   0});
  const bool counts = progress.steps() > 0;
  const std::string phase = OneLine(progress.phase());
  if (!phase.empty() && phase != "training") parts.push_back({phase, 1});
  if (counts) parts.push_back({PercentText(ShareDone(progress), 0), 0});
  // With few labels a step is an epoch, which is not said twice.
  if (progress.epochs() > 0 && progress.epochs() != progress.steps())
    parts.push_back({absl::StrCat("epoch ", progress.epoch(), "/", progress.epochs()), 6});
  if (counts)
    parts.push_back({absl::StrCat(phase == "evaluating" ? "picture " : "step ", GroupedText(progress.step()),
                                  "/", GroupedText(progress.steps())),
                     5});
  const MetricValues values(progress.metrics().begin(), progress.metrics().end());
  const std::string loss = LossText(values, progress.stage());
  if (!loss.empty()) parts.push_back({loss, 2});
  if (progress.images_per_second() > 0) {
    parts.push_back({absl::StrCat(NumberText(std::round(progress.images_per_second())), " images/s"), 4});
    parts.push_back({absl::StrCat("data wait ", PercentText(progress.data_wait_share(), 0)), 7});
  }
  if (progress.eta_seconds() > 0 && counts && progress.step() < progress.steps())
    parts.push_back({absl::StrCat("ETA ", DurationText(absl::Seconds(progress.eta_seconds()))), 3});
  return parts;
}

int WidthOf(const std::vector<Part>& parts) {
  int width = 0;
  for (const Part& part : parts) width += DisplayWidth(part.text) + 2;
  return width - 2;
}

}  // namespace

std::string ProgressLine(const v1::Job& job, const LineStyle& style) {
  std::vector<Part> parts = PartsOf(job);
  const bool with_bar = style.bar && job.progress().steps() > 0;
  const int least_bar = with_bar ? kNarrowestBar + 4 : 0;
  while (style.width > 0 && parts.size() > 2 && WidthOf(parts) + least_bar > style.width) {
    const auto last = std::max_element(parts.begin(), parts.end(),
                                       [](const Part& a, const Part& b) { return a.rank < b.rank; });
    if (last->rank == 0) break;
    parts.erase(last);
  }
  int bar = kWidestBar;
  if (style.width > 0) bar = std::max(0, std::min(bar, style.width - WidthOf(parts) - 4));
  std::string line;
  for (size_t i = 0; i < parts.size(); ++i) {
    absl::StrAppend(&line, i == 0 ? "" : "  ", parts[i].text);
    if (i == 0 && with_bar && bar >= kNarrowestBar)
      absl::StrAppend(&line, "  ", Bar(ShareDone(job.progress()), bar, style.utf8));
  }
  return style.width > 0 ? CutTo(line, style.width) : line;
}

}  // namespace pretext
