#include "client/following/live_screen.h"

namespace pretext {
namespace {

constexpr absl::Duration kPlainPeriod = absl::Seconds(10);
constexpr char kEraseLine[] = "\r\x1b[2K";

}  // namespace

void LiveScreen::Show(const std::vector<std::string>& lines, const std::string& live,
                      const std::string& topic, absl::Time now) {
  if (lines.empty() && live == live_) return;
  if (is_terminal_ && !live_.empty()) *out_ << kEraseLine;
  for (const std::string& line : lines) *out_ << line << "\n";
  if (is_terminal_) {
    *out_ << live;
    live_ = live;
  } else if (!live.empty() && live != live_ && (topic != topic_ || now - written_ >= kPlainPeriod)) {
    *out_ << live << "\n";
    live_ = live;
    topic_ = topic;
    written_ = now;
  }
  out_->flush();
}

void LiveScreen::Close() {
  if (is_terminal_ && !live_.empty()) *out_ << kEraseLine;
  out_->flush();
  live_.clear();
}

}  // namespace pretext
