#include "worker/train/alarm_metric.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace pretext {

std::string AlarmMetric(v1::Alarm::Kind kind) {
  return absl::StrCat("alarm_", absl::AsciiStrToLower(v1::Alarm::Kind_Name(kind)));
}

}  // namespace pretext
