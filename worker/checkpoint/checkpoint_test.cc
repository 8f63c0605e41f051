#include "worker/checkpoint/checkpoint.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <signal.h>
#include <sys/resource.h>

#include <cmath>
#include <fstream>
#include <iterator>

#include "absl/cleanup/cleanup.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/sha256.h"
#include "proto/cpp/status_matchers.h"
#include "worker/checkpoint/checkpoint_examples.h"

namespace pretext {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const absl::Time kNow = absl::FromUnixMillis(1'700'000'000'250);

std::string Slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
void Overwrite(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

v1::Checkpoint Write(const std::string& output, const CheckpointState& state) {
  return WriteCheckpoint(output, state, kNow).value();
}

// Steps of what is found, furthest first; faults must be none.
std::vector<int64_t> StepsFound(const std::string& output, int32_t forgotten = 0) {
  std::vector<std::string> faults;
  std::vector<int64_t> steps;
  const std::vector<FoundCheckpoint> all = ListCheckpoints(output, forgotten, &faults).value();
  for (const FoundCheckpoint& found : all) {
    steps.push_back(found.position.step);
  }
  EXPECT_THAT(faults, IsEmpty());
  return steps;
}

TEST(CheckpointTest, ReadsBackWhatItWrote) {
  const std::string output = FreshOutput("out");
  CheckpointState state = MakeCheckpoint(1200, 3);
  state.files["backbone"]["conv1.weight"] =
      at::randn({4, 3, 3, 3}).contiguous(at::MemoryFormat::ChannelsLast);
  state.files["moco"]["queue.pointer"] = at::full({}, 7, at::kLong);
  state.files["empty"] = {};
  const v1::Checkpoint written = Write(output, state);
  EXPECT_EQ(written.path(), output + "/checkpoints/pretrain-0000001200");
  EXPECT_EQ(written.stage(), "pretrain");
  EXPECT_EQ(written.step(), 1200);
  EXPECT_EQ(written.attempt(), 3);
  EXPECT_EQ(written.digest(), Sha256Hex(Slurp(written.path() + "/manifest.json")));
  EXPECT_EQ(written.create_time().seconds(), 1'700'000'000);
  EXPECT_EQ(written.create_time().nanos(), 250'000'000);
  int64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(written.path())) bytes += entry.file_size();
  EXPECT_EQ(written.bytes(), bytes);

  ASSERT_OK_AND_ASSIGN(const CheckpointState read, ReadCheckpoint(written.path()));
  EXPECT_EQ(read.position.step, 1200);
  EXPECT_EQ(read.position.job_digest, "digest");
  EXPECT_EQ(read.facts, state.facts);
  ASSERT_EQ(read.files.size(), state.files.size());
  for (const auto& [file, tensors] : state.files) {
    ASSERT_EQ(read.files.at(file).size(), tensors.size()) << file;
    for (const auto& [name, tensor] : tensors)
      EXPECT_TRUE(at::equal(read.files.at(file).at(name), tensor)) << name;
  }
}

TEST(CheckpointTest, EqualStatesGiveEqualFilesButForTheTime) {
  const std::string output = FreshOutput("out"), again = FreshOutput("again");
  const std::string path = Write(output, MakeCheckpoint(5, 1, 0.1)).path();
  const std::string other =
      WriteCheckpoint(again, MakeCheckpoint(5, 1, 0.1), kNow + absl::Seconds(1)).value().path();
  for (const auto& entry : fs::directory_iterator(path)) {
    const std::string name = entry.path().filename();
    if (name == "manifest.json") continue;
    EXPECT_EQ(Slurp(path + "/" + name), Slurp(other + "/" + name)) << name;
  }
  std::string first = Slurp(path + "/manifest.json"), second = Slurp(other + "/manifest.json");
  ASSERT_EQ(first.size(), second.size());
  const size_t time = first.find("20.250Z");
  ASSERT_NE(time, std::string::npos);
  EXPECT_EQ(first.replace(time, 7, ""), second.replace(time, 7, ""));
}

TEST(CheckpointTest, SnapshotsDoNotFollowTheTraining) {
  CheckpointState state = MakeCheckpoint(1, 1, 2.0);
  state.files["backbone"]["conv1.weight"].requires_grad_();
  const CheckpointState copy = Snapshot(state);
  EXPECT_FALSE(copy.files.at("backbone").at("conv1.weight").requires_grad());
  state.files["backbone"]["conv1.weight"].detach().fill_(9);
  EXPECT_EQ(FillOf(copy), 2.0);
  EXPECT_EQ(copy.position.step, 1);
  EXPECT_EQ(copy.facts, state.facts);
}

TEST(CheckpointTest, ListsTheFurthestFirstWhateverTheNames) {
  const std::string output = FreshOutput("out");
  EXPECT_THAT(StepsFound(output), IsEmpty());
  Write(output, MakeCheckpoint(900, 2));
  Write(output, MakeCheckpoint(30, 3, 0, /*stage_index=*/1));
  Write(output, MakeCheckpoint(1000, 1));
  fs::rename(output + "/checkpoints/pretrain-0000000900", output + "/checkpoints/renamed");
  EXPECT_THAT(StepsFound(output), ElementsAre(30, 1000, 900));
  EXPECT_THAT(StepsFound(output, /*forgotten=*/1), ElementsAre(30, 900));
  EXPECT_THAT(StepsFound(output, /*forgotten=*/3), IsEmpty());
}

TEST(CheckpointTest, FoldersWithoutAManifestAndHiddenOnesAreNone) {
  const std::string output = FreshOutput("out");
  const std::string path = Write(output, MakeCheckpoint(1)).path();
  fs::copy(path, output + "/checkpoints/.tmp-write-pretrain-0000000002-1");
  fs::create_directories(output + "/checkpoints/pretrain-0000000003");
  Overwrite(output + "/checkpoints/notes.txt", "mine");
  EXPECT_THAT(StepsFound(output), ElementsAre(1));
  EXPECT_THAT(ReadCheckpoint(output + "/checkpoints/pretrain-0000000003"),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("manifest.json: it is missing")));
}

TEST(CheckpointTest, AFolderThatCannotBeListedIsNotTakenForAnEmptyOne) {
  const std::string output = FreshOutput("out");
  fs::create_directories(output);
  Overwrite(output + "/checkpoints", "a file");
  std::vector<std::string> faults;
  EXPECT_THAT(ListCheckpoints(output, 0, &faults), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(WriteCheckpoint(output, MakeCheckpoint(1), kNow),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(CheckpointTest, AnyFlippedByteIsDataLossThatNamesTheFile) {
  const std::string path = Write(FreshOutput("out"), MakeCheckpoint(1, 1, 0.5)).path();
  for (const char* name : {"backbone.safetensors", "optimizer.safetensors"}) {
    const std::string bytes = Slurp(path + "/" + name);
    for (size_t i = 0; i < bytes.size(); i += 7) {
      std::string altered = bytes;
      altered[i] = static_cast<char>(altered[i] ^ 4);
      Overwrite(path + "/" + name, altered);
      EXPECT_THAT(ReadCheckpoint(path), StatusIs(absl::StatusCode::kDataLoss, HasSubstr(name))) << i;
    }
    Overwrite(path + "/" + name, bytes);
  }
  ASSERT_OK(ReadCheckpoint(path));
  std::string manifest = Slurp(path + "/manifest.json");
  const size_t step = manifest.find("\"step\": 1");
  ASSERT_NE(step, std::string::npos);
  manifest[step + 8] = '3';
  Overwrite(path + "/manifest.json", manifest);
  EXPECT_THAT(ReadCheckpoint(path), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("manifest.json")));
}

TEST(CheckpointTest, AMissingOrCutFileIsDataLossThatNamesIt) {
  const std::string path = Write(FreshOutput("out"), MakeCheckpoint(1)).path();
  const std::string file = path + "/optimizer.safetensors";
  fs::resize_file(file, 100);
  EXPECT_THAT(ReadCheckpoint(path), StatusIs(absl::StatusCode::kDataLoss,
                                             HasSubstr("optimizer.safetensors: it has 100 bytes of ")));
  fs::remove(file);
  EXPECT_THAT(ReadCheckpoint(path),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("optimizer.safetensors: it is missing")));
}

TEST(CheckpointTest, ABrokenNewestFallsBackToTheOneBeforeAndSaysSo) {
  const std::string output = FreshOutput("out");
  Write(output, MakeCheckpoint(1, 1, 0.1));
  Write(output, MakeCheckpoint(2, 1, 0.2));
  const std::string broken = Write(output, MakeCheckpoint(3, 1, 0.3)).path();
  Overwrite(Write(output, MakeCheckpoint(4, 1, 0.4)).path() + "/manifest.json", "{");
  fs::resize_file(broken + "/backbone.safetensors", 10);
  std::vector<std::string> faults;
  ASSERT_OK_AND_ASSIGN(const auto found, ListCheckpoints(output, 0, &faults));
  ASSERT_OK_AND_ASSIGN(const auto state, ReadNewestCheckpoint(found, &faults));
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(state->position.step, 2);
  EXPECT_NEAR(FillOf(*state), 0.2, 1e-6);
  EXPECT_THAT(faults,
              ElementsAre(AllOf(HasSubstr("pretrain-0000000004"), HasSubstr("manifest.json")),
                          AllOf(HasSubstr("pretrain-0000000003"), HasSubstr("backbone.safetensors"))));
}

TEST(CheckpointTest, WithoutAWholeOneThereIsNothingToResume) {
  const std::string output = FreshOutput("out");
  std::vector<std::string> faults;
  EXPECT_FALSE(ReadNewestCheckpoint({}, &faults).value().has_value());
  fs::remove(Write(output, MakeCheckpoint(1)).path() + "/backbone.safetensors");
  ASSERT_OK_AND_ASSIGN(const auto found, ListCheckpoints(output, 0, &faults));
  EXPECT_FALSE(ReadNewestCheckpoint(found, &faults).value().has_value());
  EXPECT_EQ(faults.size(), 1);
}

TEST(CheckpointTest, OneOfTheSameNameIsReplacedWhole) {
  const std::string output = FreshOutput("out");
  CheckpointState first = MakeCheckpoint(7, 1, 1.0);
  first.files["moco"]["queue"] = at::zeros({2});
  Write(output, first);
  const std::string path = Write(output, MakeCheckpoint(7, 2, 2.0)).path();
  ASSERT_OK_AND_ASSIGN(const CheckpointState read, ReadCheckpoint(path));
  EXPECT_EQ(FillOf(read), 2.0);
  EXPECT_EQ(read.files.count("moco"), 0);
  EXPECT_FALSE(fs::exists(path + "/moco.safetensors"));
  EXPECT_EQ(CountTemporaryFolders(output), 0);
}

TEST(CheckpointTest, TheNextWriteRemovesWhatKilledWritersLeft) {
  const std::string output = FreshOutput("out");
  const std::string path = Write(output, MakeCheckpoint(1)).path();
  fs::copy(path, output + "/checkpoints/.tmp-write-pretrain-0000000002-1");
  fs::create_directories(output + "/checkpoints/.tmp-remove-pretrain-0000000000-2/deeper");
  Write(output, MakeCheckpoint(3));
  EXPECT_EQ(CountTemporaryFolders(output), 0);
  EXPECT_THAT(StepsFound(output), ElementsAre(3, 1));
}

TEST(CheckpointTest, NamesThatAreNoFileNamesAreRefused) {
  const std::string output = FreshOutput("out");
  CheckpointState state = MakeCheckpoint(1);
  state.position.stage = "../elsewhere";
  EXPECT_THAT(WriteCheckpoint(output, state, kNow), StatusIs(absl::StatusCode::kInvalidArgument));
  state = MakeCheckpoint(1);
  state.files["a/b"] = {};
  EXPECT_THAT(WriteCheckpoint(output, state, kNow),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("a/b")));
  state = MakeCheckpoint(1);
  state.facts["rate"] = std::nan("");
  EXPECT_THAT(WriteCheckpoint(output, state, kNow), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(StepsFound(output), IsEmpty());
  EXPECT_EQ(CountTemporaryFolders(output), 0);
}

// A limit on files' sizes stands in for a full disk: writing stops in the middle of a file.
TEST(CheckpointTest, AFullDiskLeavesTheOlderCheckpointsAndNothingElse) {
  const std::string output = FreshOutput("out");
  Write(output, MakeCheckpoint(1, 1, 0.5));
  CheckpointState large = MakeCheckpoint(2);
  large.files["queue"]["keys"] = at::zeros({1 << 16});
  struct rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  {
    const auto old_handler = signal(SIGXFSZ, SIG_IGN);
    struct rlimit limited = before;
    limited.rlim_cur = 1 << 16;
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limited), 0);
    const auto restore = absl::MakeCleanup([&] {
      setrlimit(RLIMIT_FSIZE, &before);
      signal(SIGXFSZ, old_handler);
    });
    const absl::Status status = WriteCheckpoint(output, large, kNow).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("queue.safetensors")));
    EXPECT_EQ(GetReason(status), "DISK_FULL");
  }
  EXPECT_THAT(StepsFound(output), ElementsAre(1));
  EXPECT_EQ(CountTemporaryFolders(output), 0);
  Write(output, large);
  EXPECT_THAT(StepsFound(output), ElementsAre(2, 1));
}

TEST(PruneCheckpointsTest, KeepsTheNewestOfTheStageAndTheLastOfThoseBefore) {
  const std::string output = FreshOutput("out");
  for (const int step : {100, 200, 300}) Write(output, MakeCheckpoint(step));
  for (const int step : {10, 20, 30, 40}) Write(output, MakeCheckpoint(step, 1, 0, /*stage_index=*/1));
  ASSERT_OK(PruneCheckpoints(output, MakeCheckpoint(40, 1, 0, 1).position, /*keep=*/2));
  EXPECT_THAT(StepsFound(output), ElementsAre(40, 30, 300));
  EXPECT_EQ(CountTemporaryFolders(output), 0);
}

// The newest of all was broken and the attempt went on from the one before. By position alone the broken one
// would count as the newest for ever, and what is written now would be removed at once.
TEST(PruneCheckpointsTest, RemovesWhatAnEarlierAttemptHadReachedBeyondTheNewest) {
  const std::string output = FreshOutput("out");
  Write(output, MakeCheckpoint(100, 1));
  Write(output, MakeCheckpoint(200, 1));
  Write(output, MakeCheckpoint(5, 1, 0, /*stage_index=*/1));
  Write(output, MakeCheckpoint(150, 2));
  ASSERT_OK(PruneCheckpoints(output, MakeCheckpoint(150, 2).position, /*keep=*/1));
  EXPECT_THAT(StepsFound(output), ElementsAre(150));
}

TEST(PruneCheckpointsTest, AnAttemptThatIsOverRemovesNothingOfItsSuccessors) {
  const std::string output = FreshOutput("out");
  Write(output, MakeCheckpoint(300, 2));
  Write(output, MakeCheckpoint(100, 1));
  EXPECT_THAT(PruneCheckpoints(output, MakeCheckpoint(100, 1).position, 1),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("attempt 2")));
  EXPECT_THAT(StepsFound(output), ElementsAre(300, 100));
}

TEST(PruneCheckpointsTest, LeavesBrokenAndForeignFoldersToPeople) {
  const std::string output = FreshOutput("out");
  Overwrite(Write(output, MakeCheckpoint(1)).path() + "/manifest.json", "{");
  fs::create_directories(output + "/checkpoints/mine");
  Write(output, MakeCheckpoint(2));
  ASSERT_OK(PruneCheckpoints(output, MakeCheckpoint(2).position, 1));
  EXPECT_TRUE(fs::exists(output + "/checkpoints/pretrain-0000000001"));
  EXPECT_TRUE(fs::exists(output + "/checkpoints/mine"));
}

}  // namespace
}  // namespace pretext
