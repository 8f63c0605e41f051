#ifndef PRETEXT_PROTO_CPP_LOG_H_
#define PRETEXT_PROTO_CPP_LOG_H_

#include <initializer_list>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace pretext {

enum class LogSeverity { kDebug, kInfo, kWarning, kError };

// One `key=value` of a log line. Values with blanks, quotes or line ends are written quoted.
struct LogField {
  LogField(absl::string_view key, const absl::AlphaNum& value) : key(key), value(value.Piece()) {}
  std::string key;
  std::string value;
};

// Writes one line to standard error, whole and flushed:
//   2026-03-01T12:00:00.123Z INFO job submitted job=jobs/7-xray priority=3
// `event` is a few words in lower case, in the past tense. Any thread.
void Log(LogSeverity severity, absl::string_view event, std::initializer_list<LogField> fields = {});

// Lines below `severity` are left out. Default kInfo.
void SetLogThreshold(LogSeverity severity);

// `key=value key="another value"`, as Log writes them.
std::string FormatLogFields(std::initializer_list<LogField> fields);

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_LOG_H_
