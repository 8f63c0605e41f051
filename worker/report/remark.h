#ifndef PRETEXT_WORKER_REPORT_REMARK_H_
#define PRETEXT_WORKER_REPORT_REMARK_H_

#include <string>

#include "pretext/v1/telemetry.pb.h"

namespace pretext {

// A sentence for people that a log is to hold.
struct Remark {
  v1::LogLine::Severity severity = v1::LogLine::INFO;
  std::string text;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_REPORT_REMARK_H_
