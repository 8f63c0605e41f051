#ifndef PRETEXT_CLIENT_SESSION_OUTPUT_FORMAT_H_
#define PRETEXT_CLIENT_SESSION_OUTPUT_FORMAT_H_

namespace CLI {
class App;
}

namespace pretext {

// What is written to standard output: words and tables for people, or documents for programs; never both.
enum class OutputFormat { kTable, kJson, kYaml, kCsv };

// Adds -o,--format. CSV is taken only where `with_csv` says so.
void AddFormatOption(CLI::App* app, OutputFormat* format, bool with_csv = false);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_SESSION_OUTPUT_FORMAT_H_
