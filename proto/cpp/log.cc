#include "proto/cpp/log.h"

#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "spdlog/pattern_formatter.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace pretext {
namespace {

// Never deleted: lines may be written while the program ends.
spdlog::logger& Logger() {
  static spdlog::logger* const logger = [] {
    auto* made = new spdlog::logger("pretext", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    auto formatter = std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %v",
                                                                 spdlog::pattern_time_type::utc);
    made->set_formatter(std::move(formatter));
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *logger;
}

spdlog::level::level_enum Level(LogSeverity severity) {
  switch (severity) {
    case LogSeverity::kDebug:
      return spdlog::level::debug;
    case LogSeverity::kInfo:
      return spdlog::level::info;
    case LogSeverity::kWarning:
      return spdlog::level::warn;
    case LogSeverity::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

absl::string_view Word(LogSeverity severity) {
  switch (severity) {
    case LogSeverity::kDebug:
      return "DEBUG";
    case LogSeverity::kInfo:
      return "INFO";
    case LogSeverity::kWarning:
      return "WARNING";
    case LogSeverity::kError:
      return "ERROR";
  }
  return "ERROR";
}

bool NeedsQuotes(absl::string_view value) {
  return value.empty() || value.find_first_of(" \t\r\n\"=\\") != absl::string_view::npos;
}

}  // namespace

std::string FormatLogFields(std::initializer_list<LogField> fields) {
  std::string text;
  for (const LogField& field : fields) {
    if (!text.empty()) text += ' ';
    absl::StrAppend(&text, field.key, "=");
    if (NeedsQuotes(field.value)) {
      absl::StrAppend(&text, "\"", absl::Utf8SafeCEscape(field.value), "\"");
    } else {
      text += field.value;
    }
  }
  return text;
}

void Log(LogSeverity severity, absl::string_view event, std::initializer_list<LogField> fields) {
  spdlog::logger& logger = Logger();
  if (!logger.should_log(Level(severity))) return;
  std::string line = absl::StrCat(Word(severity), " ", event);
  if (fields.size() != 0) absl::StrAppend(&line, " ", FormatLogFields(fields));
  logger.log(Level(severity), spdlog::string_view_t(line.data(), line.size()));
}

void SetLogThreshold(LogSeverity severity) { Logger().set_level(Level(severity)); }

}  // namespace pretext
