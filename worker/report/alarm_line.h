#ifndef PRETEXT_WORKER_REPORT_ALARM_LINE_H_
#define PRETEXT_WORKER_REPORT_ALARM_LINE_H_

#include <string>

#include "pretext/v1/telemetry.pb.h"

namespace pretext {

// An alarm as a line of a log: "collapse in stage pretrain at step 120: what was seen. What to do: advice".
std::string AlarmLine(const v1::Alarm& alarm);

}  // namespace pretext

#endif  // PRETEXT_WORKER_REPORT_ALARM_LINE_H_
