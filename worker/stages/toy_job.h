#ifndef PRETEXT_WORKER_STAGES_TOY_JOB_H_
#define PRETEXT_WORKER_STAGES_TOY_JOB_H_

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proto/cpp/clock.h"
#include "proto/cpp/defaults.h"
#include "proto/cpp/spec_parsing.h"
#include "proto/cpp/validate.h"
#include "worker/dist/thread_process_group.h"
#include "worker/report/recording_reporter.h"
#include "worker/stages/run_job.h"
#include "worker/tasks/toy_stage.h"

namespace pretext {

// Writes bytes as an IDX file of this shape.
inline void WriteIdx(const std::string& path, const std::vector<int>& shape,
                     const std::vector<uint8_t>& values) {
  std::ofstream file(path, std::ios::binary);
  std::string header = {0, 0, 8, static_cast<char>(shape.size())};
  for (const int size : shape) {
    for (const int shift : {24, 16, 8, 0}) header.push_back(static_cast<char>(size >> shift & 255));
  }
  file << header;
  file.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size()));
}

// A folder with toy data and jobs on them. Tests only.
class ToyJobs {
 public:
  // 96 coloured pictures of 16 pixels a side in three classes that their colours tell, and 30 to test.
  explicit ToyJobs(const std::string& name)
      : folder_(absl::StrCat(::testing::TempDir(), "/", name, "-",
                             ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    Write("train", 96);
    Write("test", 30);
  }

  std::string path(const std::string& name) const { return absl::StrCat(folder_, "/", name); }

  // A job written as YAML, in which DATA, LABELS, TEST and TEST_LABELS are the toy data's paths.
  v1::JobSpec Spec(std::string yaml, const std::string& output) const {
    for (const auto& [word, file] :
         {std::make_pair("TEST_LABELS", "test-labels"), std::make_pair("TEST", "test"),
          std::make_pair("LABELS", "train-labels"), std::make_pair("DATA", "train")}) {
      for (size_t at = 0; (at = yaml.find(word, at)) != std::string::npos;) {
        yaml.replace(at, std::string(word).size(), path(file));
      }
    }
    ParsedSpec parsed = ParseSpec(yaml);
    for (const SpecFault& fault : parsed.faults) ADD_FAILURE() << fault.path << ": " << fault.message;
    ApplyDefaults(&parsed.spec);
    const absl::Status valid = ValidateJobSpec(parsed.spec);
    EXPECT_TRUE(valid.ok()) << valid;
    parsed.spec.set_output(path(output));
    return parsed.spec;
  }

  // One attempt on this thread's rank.
  static absl::Status Run(const v1::JobSpec& spec, Reporter* reporter, ProcessGroup* group = nullptr,
                          int attempt = 1, int forgotten_attempts = 0, bool has_progress = false) {
    ThreadProcessGroup alone;
    JobRun run;
    run.job = "jobs/1";
    run.spec = spec;
    run.attempt = attempt;
    run.ignore_checkpoints_up_to_attempt = forgotten_attempts;
    run.has_progress = has_progress;
    run.threads = 1;
    run.data_threads = 1;
    run.process_group = group == nullptr ? &alone : group;
    run.reporter = reporter;
    run.clock = RealClock();
    return RunJob(run);
  }

 private:
  // Class c is mostly of colour c, with a disc somewhere.
  void Write(const std::string& name, int count) const {
    const ToyDataset pictures(count, 16);
    std::vector<uint8_t> values, labels;
    for (int i = 0; i < count; ++i) {
      const Image image = *pictures.Load(i + (name == "test" ? 1000 : 0));
      const int label = i % 3;
      for (size_t p = 0; p < image.pixels.size(); ++p) {
        const int value = image.pixels[p];
        values.push_back(
            static_cast<uint8_t>(static_cast<int>(p % 3) == label ? (value + 255) / 2 : value / 2));
      }
      labels.push_back(static_cast<uint8_t>(label));
    }
    WriteIdx(path(name), {count, 16, 16, 3}, values);
    WriteIdx(path(name + "-labels"), {count}, labels);
  }

  std::string folder_;
};

// Six steps of moco on the toy pictures. More lines of the stage may follow.
constexpr char kMocoJob[] = R"(
data: {images: DATA}
stages:
- pretrain:
    backbone: {name: resnet10_narrow}
    tasks: [{moco: {queue_length: 32}}]
    batch_size: 16
    max_steps: 6
)";

// The bytes of a file; a failure of the test when it is not there.
inline std::string BytesOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_TOY_JOB_H_
