#include "worker/report/alarm_line.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace pretext {

std::string AlarmLine(const v1::Alarm& alarm) {
  const std::string kind = absl::AsciiStrToLower(v1::Alarm::Kind_Name(alarm.kind()));
  return absl::StrCat(absl::StrReplaceAll(kind, {{"_", " "}}), alarm.task().empty() ? "" : " of ",
                      alarm.task(), " in stage ", alarm.stage(), " at step ", alarm.step(), ": ",
                      alarm.text(), ". What to do: ", alarm.advice());
}

}  // namespace pretext
