// Runs a job written as YAML on one rank, without a service, and prints what a rank reports: for profiling.
//
//   bazel run -c opt //worker/train:run_job_main -- JOB.yaml OUTPUT [THREADS [DATA_THREADS]]

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "absl/time/clock.h"
#include "proto/cpp/clock.h"
#include "proto/cpp/defaults.h"
#include "proto/cpp/spec_parsing.h"
#include "proto/cpp/validate.h"
#include "worker/tasks/thread_process_group.h"
#include "worker/train/run_job.h"

namespace pretext {
namespace {

// Prints log lines, stages' times and, once a second, progress.
class Printer final : public Reporter {
 public:
  void BeginStage(const std::string& stage, int64_t step) override {
    begin_ = RealClock()->Now();
    std::printf("%s: begins after step %ld\n", stage.c_str(), static_cast<long>(step));
  }
  void SetProgress(const v1::Progress& progress) override {
    const absl::Time now = RealClock()->Now();
    if (now - printed_ < absl::Seconds(1)) return;
    printed_ = now;
    std::printf("%s %s: step %ld of %ld, %.0f images/s, waits %.0f %%, loss %.4f\n", progress.stage().c_str(),
                progress.phase().c_str(), static_cast<long>(progress.step()),
                static_cast<long>(progress.steps()), progress.images_per_second(),
                100 * progress.data_wait_share(), newest_[progress.stage() + "/loss"]);
  }
  void AddMetrics(int64_t step, const std::vector<std::pair<std::string, double>>& values) override {
    for (const auto& [name, value] : values) newest_[name] = value;
  }
  void Log(v1::LogLine::Severity severity, const std::string& text) override {
    std::printf("%s\n", text.c_str());
  }
  void AddCheckpoint(const v1::Checkpoint& checkpoint) override {
    std::printf("checkpoint %s, %ld bytes\n", checkpoint.path().c_str(),
                static_cast<long>(checkpoint.bytes()));
  }
  void FinishStage(const std::string& stage) override {
    std::printf("%s: done in %.2f s\n", stage.c_str(), absl::ToDoubleSeconds(RealClock()->Now() - begin_));
    for (const auto& [name, value] : newest_) std::printf("  %s = %g\n", name.c_str(), value);
    newest_.clear();
  }
  bool stop_requested() const override { return false; }

 private:
  absl::Time begin_, printed_ = absl::InfinitePast();
  std::map<std::string, double> newest_;
};

int Main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: run_job_main JOB.yaml OUTPUT [THREADS [DATA_THREADS]]\n");
    return 2;
  }
  std::ifstream file(argv[1]);
  std::stringstream text;
  text << file.rdbuf();
  ParsedSpec parsed = ParseSpec(text.str());
  for (const SpecFault& fault : parsed.faults) std::fprintf(stderr, "%s\n", fault.message.c_str());
  ApplyDefaults(&parsed.spec);
  const absl::Status valid = ValidateJobSpec(parsed.spec);
  if (!parsed.faults.empty() || !valid.ok()) {
    std::fprintf(stderr, "%s\n", valid.ToString().c_str());
    return 2;
  }
  parsed.spec.set_output(argv[2]);
  ThreadProcessGroup alone;
  Printer printer;
  JobRun run;
  run.job = "jobs/local";
  run.spec = parsed.spec;
  run.threads = argc > 3 ? std::atoi(argv[3]) : 1;
  run.data_threads = argc > 4 ? std::atoi(argv[4]) : 1;
  run.process_group = &alone;
  run.reporter = &printer;
  run.clock = RealClock();
  const absl::Status ended = RunJob(run);
  std::printf("%s\n", ended.ToString().c_str());
  return ended.ok() ? 0 : 1;
}

}  // namespace
}  // namespace pretext

int main(int argc, char** argv) { return pretext::Main(argc, argv); }
