#include "worker/report/axis_scale.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"

namespace pretext {
namespace {

double RoundSpacing(double range, int ticks) {
  const double wanted = range / std::max(1, ticks);
  const double power = std::pow(10.0, std::floor(std::log10(wanted)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (wanted <= factor * power * (1 + 1e-9)) return factor * power;
  }
  return 10 * power;
}

// "1.50" -> "1.5", "2.0" -> "2".
std::string WithoutTrailingZeros(std::string text) {
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

}  // namespace

AxisScale MakeAxisScale(double low, double high, int ticks, bool round_ends) {
  const double least = std::max({std::abs(low), std::abs(high), 1e-12}) * 1e-6;
  if (high - low < least) {
    const double half = low == 0 && high == 0 ? 0.5 : 0.05 * std::max(std::abs(low), std::abs(high));
    low -= half;
    high += half;
  }
  AxisScale scale;
  scale.spacing = RoundSpacing(high - low, ticks);
  const double slack = 1e-6;
  double first = std::ceil(low / scale.spacing - slack);
  double last = std::floor(high / scale.spacing + slack);
  if (round_ends) {
    first = std::floor(low / scale.spacing + slack);
    last = std::ceil(high / scale.spacing - slack);
    low = first * scale.spacing;
    high = last * scale.spacing;
  }
  scale.low = low;
  scale.high = high;
  for (double i = first; i <= last; ++i) scale.ticks.push_back(i * scale.spacing);
  return scale;
}

std::string FormatTick(double value, double spacing) {
  if (std::abs(value) < spacing * 1e-6) return "0";
  if (spacing < 1e-4) return absl::StrFormat("%.2g", value);
  for (const auto& [unit, letter] : {std::pair{1e9, 'G'}, {1e6, 'M'}, {1e3, 'k'}}) {
    // 1k, 2k, but 950, 1000, 1050.
    if (spacing >= unit / 10 && std::abs(value) >= unit) {
      return WithoutTrailingZeros(absl::StrFormat("%.2f", value / unit)) + letter;
    }
  }
  const int digits = std::max(0, static_cast<int>(-std::floor(std::log10(spacing) + 1e-9)));
  return absl::StrFormat("%.*f", digits, value);
}

std::string FormatValue(double value) {
  const double size = std::abs(value);
  if (size != 0 && (size < 1e-4 || size >= 1e7)) return absl::StrFormat("%.3g", value);
  if (size >= 1000) return absl::StrFormat("%.0f", value);
  const int digits = size == 0 ? 0 : std::clamp(3 - static_cast<int>(std::floor(std::log10(size))), 0, 7);
  return WithoutTrailingZeros(absl::StrFormat("%.*f", digits, value));
}

}  // namespace pretext
