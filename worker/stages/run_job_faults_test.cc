// What a job does about broken files, bad numbers, other jobs' folders and unlucky moments.

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/status_matchers.h"
#include "worker/models/safetensors.h"
#include "worker/stages/toy_job.h"

namespace pretext {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;

std::string Rotation(const std::string& more = "") {
  return absl::StrCat(R"(
data: {images: DATA}
checkpoints: {every_steps: 2, keep: 3}
stages:
- pretrain:
    backbone: {name: resnet10_narrow}
    tasks: [{rotation: {}}]
    batch_size: 16
    max_steps: 8
)",
                      more);
}

auto Says(const std::string& text) {
  return Contains(Field(&RecordingReporter::Line::text, HasSubstr(text)));
}

void Corrupt(const std::string& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  ASSERT_TRUE(file.good()) << path;
  file.seekp(-1, std::ios::end);
  file.put('\x5a');
}

TEST(RunJobFaultsTest, ABrokenNewestCheckpointGivesWayToTheOneBefore) {
  const ToyJobs jobs("faults");
  RecordingReporter straight, first, second;
  ASSERT_OK(ToyJobs::Run(jobs.Spec(Rotation(), "straight"), &straight));
  const v1::JobSpec spec = jobs.Spec(Rotation(), "out");
  first.StopAtStep(5);
  ASSERT_THAT(ToyJobs::Run(spec, &first), StatusIs(absl::StatusCode::kCancelled));
  ASSERT_EQ(first.checkpoints().back().step(), 6);
  Corrupt(first.checkpoints().back().path() + "/backbone.safetensors");
  ASSERT_OK(ToyJobs::Run(spec, &second, nullptr, /*attempt=*/2));
  EXPECT_EQ(second.begins().at(0).step, 4);
  EXPECT_THAT(second.lines(), Says("backbone.safetensors"));
  EXPECT_TRUE(BytesOf(jobs.path("out/exported/pretrain.safetensors")) ==
              BytesOf(jobs.path("straight/exported/pretrain.safetensors")));
}

TEST(RunJobFaultsTest, ALossThatIsNoNumberEndsTheAttemptWithItsStep) {
  const ToyJobs jobs("faults");
  RecordingReporter reporter;
  const absl::Status ended = ToyJobs::Run(
      jobs.Spec(Rotation("    optimizer: {learning_rate: 1e6}\n    schedule: {kind: CONSTANT}\n"), "out"),
      &reporter);
  EXPECT_THAT(ended, StatusIs(absl::StatusCode::kAborted, AllOf(HasSubstr("pretrain"), HasSubstr("step"))));
  EXPECT_EQ(GetReason(ended), "NON_FINITE");
  EXPECT_FALSE(std::filesystem::exists(jobs.path("out/exported/pretrain.safetensors")));
}

TEST(RunJobFaultsTest, AFolderWithAnotherJobsResultsIsRefused) {
  const ToyJobs jobs("faults");
  RecordingReporter first, second, third;
  ASSERT_OK(ToyJobs::Run(jobs.Spec(Rotation(), "out"), &first));
  v1::JobSpec other = jobs.Spec(Rotation(), "out");
  other.set_seed(77);
  EXPECT_THAT(ToyJobs::Run(other, &second),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("another output folder")));
  // Its checkpoints alone say so too.
  std::filesystem::remove_all(jobs.path("out/results"));
  EXPECT_THAT(ToyJobs::Run(other, &third), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(RunJobFaultsTest, ForgottenAttemptsAreDoneAgainFromTheBeginning) {
  const ToyJobs jobs("faults");
  const v1::JobSpec spec = jobs.Spec(Rotation(), "out");
  RecordingReporter first, second;
  ASSERT_OK(ToyJobs::Run(spec, &first));
  const std::string weights = BytesOf(jobs.path("out/exported/pretrain.safetensors"));
  ASSERT_OK(ToyJobs::Run(spec, &second, nullptr, /*attempt=*/2, /*forgotten_attempts=*/1));
  EXPECT_EQ(second.begins().at(0).step, 0);
  EXPECT_EQ(second.Values("pretrain/loss").size(), 8);
  EXPECT_TRUE(BytesOf(jobs.path("out/exported/pretrain.safetensors")) == weights);
}

// What a forgotten attempt found must not stand beside a run that has only begun.
TEST(RunJobFaultsTest, ANewBeginningRemovesWhatAForgottenAttemptLeft) {
  const ToyJobs jobs("faults");
  const v1::JobSpec spec = jobs.Spec(Rotation(), "out");
  RecordingReporter first, second;
  ASSERT_OK(ToyJobs::Run(spec, &first));
  const std::vector<std::string> left = {"out/results/pretrain.json", "out/exported/pretrain.safetensors",
                                         "out/exported/backbone.safetensors"};
  for (const std::string& file : left) ASSERT_TRUE(std::filesystem::exists(jobs.path(file))) << file;
  second.StopAtStep(1);
  ASSERT_THAT(ToyJobs::Run(spec, &second, nullptr, /*attempt=*/2, /*forgotten_attempts=*/1),
              StatusIs(absl::StatusCode::kCancelled));
  for (const std::string& file : left) EXPECT_FALSE(std::filesystem::exists(jobs.path(file))) << file;
}

TEST(RunJobFaultsTest, WeightsInTheOutputFolderThatAJobStartsFromAreNotRemoved) {
  const ToyJobs jobs("faults");
  RecordingReporter first, second;
  ASSERT_OK(ToyJobs::Run(jobs.Spec(Rotation(), "first"), &first));
  std::filesystem::create_directories(jobs.path("out/exported"));
  const std::string weights = jobs.path("out/exported/backbone.safetensors");
  std::filesystem::copy_file(jobs.path("first/exported/backbone.safetensors"), weights);
  v1::JobSpec spec = jobs.Spec(Rotation(), "out");
  spec.mutable_stages(0)->mutable_pretrain()->mutable_init()->set_file(weights);
  EXPECT_OK(ToyJobs::Run(spec, &second));
}

TEST(RunJobFaultsTest, AJobWhoseFolderWasRemovedDoesNotBeginAnewInSilence) {
  const ToyJobs jobs("faults");
  const v1::JobSpec spec = jobs.Spec(Rotation(), "out");
  RecordingReporter first, second, third;
  const absl::Status status =
      ToyJobs::Run(spec, &first, nullptr, /*attempt=*/2, /*forgotten_attempts=*/0, /*has_progress=*/true);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("--from-start")));
  EXPECT_EQ(GetReason(status), "CHECKPOINTS_GONE");
  // Where it is still there the job goes on.
  ASSERT_OK(ToyJobs::Run(spec, &second));
  EXPECT_OK(
      ToyJobs::Run(spec, &third, nullptr, /*attempt=*/2, /*forgotten_attempts=*/0, /*has_progress=*/true));
}

TEST(RunJobFaultsTest, AStageWhoseWeightsWereAlteredIsExportedAgain) {
  const ToyJobs jobs("faults");
  const v1::JobSpec spec = jobs.Spec(Rotation(), "out");
  RecordingReporter first, second;
  ASSERT_OK(ToyJobs::Run(spec, &first));
  const std::string path = jobs.path("out/exported/pretrain.safetensors");
  const std::string weights = BytesOf(path);
  Corrupt(path);
  ASSERT_OK(ToyJobs::Run(spec, &second, nullptr, /*attempt=*/2));
  EXPECT_EQ(second.begins().at(0).step, 8);  // its last checkpoint is whole: nothing is trained again
  EXPECT_THAT(second.lines(), Says("done again"));
  EXPECT_TRUE(BytesOf(path) == weights);
}

TEST(RunJobFaultsTest, DataThatChangedUnderACheckpointAreNotGoneOnWith) {
  const ToyJobs jobs("faults");
  const v1::JobSpec spec = jobs.Spec(Rotation(), "out");
  RecordingReporter first, second;
  first.StopAtStep(3);
  ASSERT_THAT(ToyJobs::Run(spec, &first), StatusIs(absl::StatusCode::kCancelled));
  std::filesystem::rename(jobs.path("test"), jobs.path("train"));  // fewer pictures
  EXPECT_THAT(ToyJobs::Run(spec, &second, nullptr, /*attempt=*/2),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("pictures was 96")));
}

// A task of weight 0 is shown and changes nothing: the weights are those of the job without it.
TEST(RunJobFaultsTest, ATaskOfWeightZeroChangesNothing) {
  const ToyJobs jobs("faults");
  const auto train = [&](const std::string& tasks, const std::string& output, RecordingReporter* reporter) {
    const std::string yaml = absl::StrCat(
        "data: {images: DATA}\nstages:\n- pretrain: {backbone: {name: "
        "resnet10_narrow}, tasks: [",
        tasks, "], batch_size: 16, max_steps: 4}\n");
    ASSERT_OK(ToyJobs::Run(jobs.Spec(yaml, output), reporter));
  };
  RecordingReporter alone, beside;
  train("{moco: {queue_length: 32}}", "alone", &alone);
  train("{moco: {queue_length: 32}}, {weight: 0, rotation: {}}", "beside", &beside);
  EXPECT_EQ(alone.Values("pretrain/loss"), beside.Values("pretrain/loss"));
  EXPECT_EQ(beside.Values("pretrain/rotation_loss").size(), 4);
  ASSERT_OK_AND_ASSIGN(const SafetensorsFile one,
                       ReadSafetensors(jobs.path("alone/exported/pretrain.safetensors")));
  ASSERT_OK_AND_ASSIGN(const SafetensorsFile other,
                       ReadSafetensors(jobs.path("beside/exported/pretrain.safetensors")));
  for (const auto& [name, tensor] : one.tensors) EXPECT_TRUE(tensor.equal(other.tensors.at(name))) << name;
}

TEST(RunJobFaultsTest, TestPicturesOfAnUnknownClassAreNamed) {
  const ToyJobs jobs("faults");
  WriteIdx(jobs.path("test-labels"), {30}, std::vector<uint8_t>(30, 9));
  RecordingReporter reporter;
  EXPECT_THAT(ToyJobs::Run(jobs.Spec(R"(
data: {images: DATA, labels: LABELS}
stages: [{finetune: {test: {images: TEST, labels: TEST_LABELS}, init: {random: {}}, backbone: {name: resnet10_narrow}}}]
)",
                                     "out"),
                           &reporter),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("a class that no labelled picture")));
}

TEST(RunJobFaultsTest, ATaskThatDoesNotSuitTheDataSaysWhy) {
  const ToyJobs jobs("faults");
  RecordingReporter reporter;
  WriteIdx(jobs.path("gray"), {32, 16, 16}, std::vector<uint8_t>(32 * 16 * 16, 7));
  EXPECT_THAT(ToyJobs::Run(jobs.Spec(absl::StrCat("data: {images: ", jobs.path("gray"),
                                                  "}\nstages: [{pretrain: {tasks: [{colorization: {}}], "
                                                  "batch_size: 16, max_steps: 2}}]"),
                                     "out"),
                           &reporter),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("grey")));
}

}  // namespace
}  // namespace pretext
