#ifndef PRETEXT_WORKER_TRAIN_ALARM_METRIC_H_
#define PRETEXT_WORKER_TRAIN_ALARM_METRIC_H_

#include <string>

#include "pretext/v1/telemetry.pb.h"

namespace pretext {

// The mark on a stage's curves where an alarm was raised, 1 at its step: "alarm_not_learning".
std::string AlarmMetric(v1::Alarm::Kind kind);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_ALARM_METRIC_H_
