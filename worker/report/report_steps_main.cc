// One attempt's part of a stage in an output folder, for reading it with other tools:
//   report_steps --output OUT --attempt 2 --stage pretrain --from 10 --to 30 [--finish]
// The stage goes on after step `from` (0: it begins) and reports steps up to `to`, each with the loss
// 8 / (1 + step) and the learning rate 0.1. With --finish the stage ends there and its plots are drawn.

#include <iostream>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "proto/cpp/clock.h"
#include "worker/report/folder_reporter.h"

int main(int argc, char** argv) {
  CLI::App app("Reports steps into an output folder");
  pretext::FolderReporterOptions options;
  std::string stage;
  int64_t from = 0, to = 0;
  bool finish = false;
  app.add_option("--output", options.output)->required();
  app.add_option("--attempt", options.attempt);
  app.add_option("--stage", stage)->required();
  app.add_option("--from", from);
  app.add_option("--to", to)->required();
  app.add_flag("--finish", finish);
  CLI11_PARSE(app, argc, argv);

  absl::StatusOr<std::unique_ptr<pretext::FolderReporter>> reporter =
      pretext::FolderReporter::Open(options, pretext::RealClock());
  if (!reporter.ok()) {
    std::cerr << "report_steps: " << reporter.status() << "\n";
    return 1;
  }
  (*reporter)->BeginStage(stage, from);
  for (int64_t step = from + 1; step <= to; ++step) {
    (*reporter)->AddMetrics(
        step, {{stage + "/loss", 8.0 / (1.0 + static_cast<double>(step))}, {stage + "/learning_rate", 0.1}});
  }
  if (finish) (*reporter)->FinishStage(stage);
  return 0;
}
