#include "client/render/alarm_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/render/plain_text.h"
#include "client/render/quantity.h"

namespace pretext {

std::string AlarmText(const v1::Alarm& alarm) {
  const std::string name = absl::StrReplaceAll(v1::Alarm::Kind_Name(alarm.kind()), {{"_", " "}});
  return absl::StrCat(name.empty() ? absl::StrCat("ALARM ", static_cast<int>(alarm.kind())) : name,
                      alarm.task().empty() ? "" : " of ", OneLine(alarm.task()), " in ",
                      OneLine(alarm.stage()), " at step ", GroupedText(alarm.step()), ": ",
                      OneLine(alarm.text()));
}

std::string AdviceText(const v1::Alarm& alarm) {
  return alarm.advice().empty() ? "" : absl::StrCat("what to do: ", OneLine(alarm.advice()));
}

}  // namespace pretext
