#include "client/render/quantity.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/cpp/proto_time.h"

namespace pretext {
namespace {

constexpr int64_t kMinute = 60;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;

}  // namespace

std::string GroupedText(int64_t number) {
  std::string text = absl::StrCat(number);
  const int first = number < 0 ? 1 : 0;
  for (int i = static_cast<int>(text.size()) - 3; i > first; i -= 3) text.insert(i, ",");
  return text;
}

std::string NumberText(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  const double size = std::fabs(number);
  if (number == std::floor(number) && size < 1e7) return GroupedText(static_cast<int64_t>(number));
  if (size >= 1000 && size < 1e7) return GroupedText(std::llround(number));
  return absl::StrFormat("%.4g", number);
}

std::string PercentText(double share, int decimals) {
  return absl::StrFormat("%.*f %%", decimals, 100 * share);
}

std::string BytesText(int64_t bytes) {
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  double size = static_cast<double>(bytes);
  const char* unit = "";
  for (const char* larger : {"KiB", "MiB", "GiB", "TiB"}) {
    if (size < 1023.95) break;
    size /= 1024;
    unit = larger;
  }
  return absl::StrFormat("%.1f %s", size, unit);
}

std::string DurationText(absl::Duration duration) {
  if (duration == absl::InfiniteDuration()) return "for ever";
  duration = std::max(duration, absl::ZeroDuration());
  if (duration < absl::Seconds(9.95)) return absl::StrFormat("%.1f s", absl::ToDoubleSeconds(duration));
  const int64_t seconds = absl::ToInt64Seconds(duration + absl::Milliseconds(500));
  if (seconds < kMinute) return absl::StrFormat("%d s", seconds);
  if (seconds < kHour) return absl::StrFormat("%d min %02d s", seconds / kMinute, seconds % kMinute);
  if (seconds < kDay) return absl::StrFormat("%d h %02d min", seconds / kHour, seconds % kHour / kMinute);
  return absl::StrFormat("%d d %02d h", seconds / kDay, seconds % kDay / kHour);
}

std::string AgeText(const google::protobuf::Timestamp& time, absl::Time now) {
  if (time.seconds() == 0 && time.nanos() == 0) return "-";
  const int64_t seconds = std::max<int64_t>(0, absl::ToInt64Seconds(now - FromTimestamp(time)));
  if (seconds < kMinute) return absl::StrCat(seconds, " s");
  if (seconds < kHour) return absl::StrCat(seconds / kMinute, " min");
  if (seconds < 2 * kDay) return absl::StrCat(seconds / kHour, " h");
  return absl::StrCat(seconds / kDay, " d");
}

}  // namespace pretext
