#include "worker/checkpoint/checkpoint_writer.h"

#include <ATen/ops/zeros.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <limits>
#include <vector>

#include "absl/synchronization/notification.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/fake_clock.h"
#include "proto/cpp/status_matchers.h"
#include "worker/checkpoint/checkpoint_examples.h"
#include "worker/report/recording_reporter.h"

namespace pretext {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Holds the writer's thread in the middle of its first checkpoint until the test lets it go on.
class HoldingReporter final : public Reporter {
 public:
  void BeginStage(const std::string& stage, int64_t step) override {}
  void SetProgress(const v1::Progress& progress) override {}
  void AddMetrics(int64_t step, const std::vector<std::pair<std::string, double>>& values) override {}
  void Log(v1::LogLine::Severity severity, const std::string& text) override { record.Log(severity, text); }
  void AddCheckpoint(const v1::Checkpoint& checkpoint) override {
    record.AddCheckpoint(checkpoint);
    if (!began.HasBeenNotified()) began.Notify();
    go_on.WaitForNotification();
  }
  void AddAlarm(const v1::Alarm& alarm) override {}
  void FinishStage(const std::string& stage) override {}
  bool stop_requested() const override { return false; }

  RecordingReporter record;
  absl::Notification began, go_on;
};

std::vector<std::string> Names(const RecordingReporter& reporter) {
  std::vector<std::string> names;
  for (const v1::Checkpoint& checkpoint : reporter.checkpoints()) names.push_back(checkpoint.name());
  return names;
}

TEST(CheckpointWriterTest, ReportsEachOnceItIsDurableAndPrunes) {
  const std::string output = FreshOutput("out");
  FakeClock clock;
  RecordingReporter reporter;
  CheckpointWriter writer("jobs/7", output, /*keep=*/2, &reporter, &clock);
  for (const int step : {10, 20, 30}) {
    ASSERT_OK(writer.Write(Snapshot(MakeCheckpoint(step))));
    ASSERT_OK(writer.Flush());
  }
  EXPECT_THAT(Names(reporter), ElementsAre("jobs/7/checkpoints/pretrain-10", "jobs/7/checkpoints/pretrain-20",
                                           "jobs/7/checkpoints/pretrain-30"));
  EXPECT_EQ(reporter.checkpoints()[0].create_time().seconds(), absl::ToUnixSeconds(clock.Now()));
  std::vector<std::string> faults;
  ASSERT_OK_AND_ASSIGN(const auto found, ListCheckpoints(output, 0, &faults));
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_OK(ReadCheckpoint(reporter.checkpoints()[2].path()));
  EXPECT_THAT(reporter.lines(), IsEmpty());
}

TEST(CheckpointWriterTest, ANewerOneTakesThePlaceOfTheOneThatWaits) {
  FakeClock clock;
  HoldingReporter reporter;
  CheckpointWriter writer("jobs/7", FreshOutput("out"), 9, &reporter, &clock);
  ASSERT_OK(writer.Write(MakeCheckpoint(10)));
  reporter.began.WaitForNotification();  // 10 is being written
  for (const int step : {20, 30, 40}) ASSERT_OK(writer.Write(MakeCheckpoint(step)));
  reporter.go_on.Notify();
  ASSERT_OK(writer.Flush());
  EXPECT_THAT(Names(reporter.record),
              ElementsAre("jobs/7/checkpoints/pretrain-10", "jobs/7/checkpoints/pretrain-40"));
}

TEST(CheckpointWriterTest, AStagesLastIsNotPassedOverForTheNextStages) {
  FakeClock clock;
  HoldingReporter reporter;
  CheckpointWriter writer("jobs/7", FreshOutput("out"), 9, &reporter, &clock);
  ASSERT_OK(writer.Write(MakeCheckpoint(10)));
  reporter.began.WaitForNotification();
  ASSERT_OK(writer.Write(MakeCheckpoint(20)));
  reporter.go_on.Notify();
  ASSERT_OK(writer.Write(MakeCheckpoint(1, 1, 0, /*stage_index=*/1)));
  ASSERT_OK(writer.Flush());
  EXPECT_THAT(Names(reporter.record),
              ElementsAre("jobs/7/checkpoints/pretrain-10", "jobs/7/checkpoints/pretrain-20",
                          "jobs/7/checkpoints/finetune-1"));
}

TEST(CheckpointWriterTest, TellsAnErrorOnceAndGoesOn) {
  const std::string output = FreshOutput("out");
  fs::create_directories(output);
  std::ofstream(output + "/checkpoints") << "a file in the way";
  FakeClock clock;
  RecordingReporter reporter;
  CheckpointWriter writer("jobs/7", output, 2, &reporter, &clock);
  ASSERT_OK(writer.Write(MakeCheckpoint(10)));
  EXPECT_THAT(writer.Flush(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("/checkpoints")));
  EXPECT_OK(writer.Flush());
  EXPECT_THAT(reporter.checkpoints(), IsEmpty());
  fs::remove(output + "/checkpoints");
  ASSERT_OK(writer.Write(MakeCheckpoint(20)));
  ASSERT_OK(writer.Flush());
  EXPECT_THAT(Names(reporter), ElementsAre("jobs/7/checkpoints/pretrain-20"));
}

TEST(CheckpointWriterTest, TheNextWriteTellsTheErrorAndIsTakenAllTheSame) {
  const std::string output = FreshOutput("out");
  FakeClock clock;
  HoldingReporter reporter;
  CheckpointWriter writer("jobs/7", output, 2, &reporter, &clock);
  CheckpointState undefined = MakeCheckpoint(10);
  undefined.files["backbone"]["conv1.weight"] = at::Tensor();
  ASSERT_OK(writer.Write(std::move(undefined)));
  // The second of another stage waits for the first to be off the shelf, so the third finds its error.
  ASSERT_OK(writer.Write(MakeCheckpoint(1, 1, 0, /*stage_index=*/1)));
  reporter.began.WaitForNotification();
  EXPECT_THAT(writer.Write(MakeCheckpoint(2, 1, 0, /*stage_index=*/1)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("conv1.weight")));
  reporter.go_on.Notify();
  ASSERT_OK(writer.Flush());
  EXPECT_THAT(Names(reporter.record),
              ElementsAre("jobs/7/checkpoints/finetune-1", "jobs/7/checkpoints/finetune-2"));
}

// Training may notice a step late; by then the spoilt state would be what every resume begins from.
TEST(CheckpointWriterTest, AStateThatIsNotFiniteIsNotWritten) {
  const std::string output = FreshOutput("out");
  FakeClock clock;
  RecordingReporter reporter;
  CheckpointWriter writer("jobs/7", output, 1, &reporter, &clock);
  ASSERT_OK(writer.Write(MakeCheckpoint(10)));
  ASSERT_OK(writer.Flush());
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    CheckpointState spoilt = MakeCheckpoint(20);
    spoilt.files["backbone"]["bn1.weight"][2] = bad;
    ASSERT_OK(writer.Write(std::move(spoilt)));
    const absl::Status status = writer.Flush();
    EXPECT_THAT(status,
                StatusIs(absl::StatusCode::kAborted,
                         HasSubstr("stage pretrain, step 20: no checkpoint is written, for bn1.weight of "
                                   "backbone is not finite")));
    EXPECT_EQ(GetReason(status), "NON_FINITE");
  }
  EXPECT_THAT(Names(reporter), ElementsAre("jobs/7/checkpoints/pretrain-10"));
}

TEST(CheckpointWriterTest, ItsEndWaitsForWhatItWasGiven) {
  const std::string output = FreshOutput("out");
  FakeClock clock;
  RecordingReporter reporter;
  {
    CheckpointWriter writer("jobs/7", output, 2, &reporter, &clock);
    ASSERT_OK(writer.Write(MakeCheckpoint(10)));
  }
  EXPECT_THAT(Names(reporter), ElementsAre("jobs/7/checkpoints/pretrain-10"));
}

TEST(CheckpointWriterTest, ALaterAttemptsCheckpointsAreLeftAloneAndSaidSo) {
  const std::string output = FreshOutput("out");
  FakeClock clock;
  ASSERT_OK(WriteCheckpoint(output, MakeCheckpoint(50, /*attempt=*/2), clock.Now()));
  RecordingReporter reporter;
  CheckpointWriter writer("jobs/7", output, 1, &reporter, &clock);
  ASSERT_OK(writer.Write(MakeCheckpoint(10, /*attempt=*/1)));
  ASSERT_OK(writer.Flush());
  ASSERT_THAT(reporter.lines(), SizeIs(1));
  EXPECT_THAT(reporter.lines()[0].text, HasSubstr("attempt 2"));
}

// Waits for the first thing that is made in a folder.
class FolderWatch {
 public:
  explicit FolderWatch(const std::string& folder) : queue_(inotify_init1(IN_CLOEXEC)) {
    EXPECT_GE(inotify_add_watch(queue_, folder.c_str(), IN_CREATE), 0) << folder;
  }
  ~FolderWatch() { close(queue_); }
  void AwaitCreation() const {
    char events[4096];
    EXPECT_GT(read(queue_, events, sizeof(events)), 0);
  }

 private:
  int queue_;
};

TEST(CheckpointWriterTest, KilledInTheMiddleOfWritingItLeavesTheOlderCheckpoint) {
  const std::string output = FreshOutput("out");
  FakeClock clock;
  ASSERT_OK(WriteCheckpoint(output, MakeCheckpoint(1, 1, 0.5), clock.Now()));
  const FolderWatch watch(output + "/checkpoints");
  const pid_t child = fork();
  if (child == 0) {
    RecordingReporter reporter;
    CheckpointWriter writer("jobs/7", output, 1, &reporter, &clock);
    CheckpointState large = MakeCheckpoint(2, 1, 0.25);
    large.files["optimizer"]["large"] = at::zeros({64 << 20});  // takes a while to hash and write
    writer.Write(std::move(large)).IgnoreError();
    writer.Flush().IgnoreError();
    _exit(0);
  }
  watch.AwaitCreation();  // of the folder it writes into
  kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "it ended before it was killed";

  std::vector<std::string> faults;
  ASSERT_OK_AND_ASSIGN(const auto found, ListCheckpoints(output, 0, &faults));
  ASSERT_OK_AND_ASSIGN(const auto state, ReadNewestCheckpoint(found, &faults));
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(state->position.step, 1);
  EXPECT_EQ(FillOf(*state), 0.5);
  EXPECT_THAT(faults, IsEmpty());
  EXPECT_EQ(CountTemporaryFolders(output), 1);
  ASSERT_OK(WriteCheckpoint(output, MakeCheckpoint(2, 2, 0.75), clock.Now()));
  EXPECT_EQ(CountTemporaryFolders(output), 0);
}

}  // namespace
}  // namespace pretext
