#ifndef PRETEXT_CLIENT_RENDER_ALARM_TEXT_H_
#define PRETEXT_CLIENT_RENDER_ALARM_TEXT_H_

#include <string>

#include "pretext/v1/telemetry.pb.h"

namespace pretext {

// What training that goes wrong looks like and what to do, for people, each on one line without its end.

// "SHORTCUT of jigsaw in pretrain at step 120: jigsaw_accuracy is 0.97 ..."; a kind of a later version of the
// service is "ALARM 17".
std::string AlarmText(const v1::Alarm& alarm);
// "what to do: ..."; empty when the alarm has no advice.
std::string AdviceText(const v1::Alarm& alarm);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_RENDER_ALARM_TEXT_H_
