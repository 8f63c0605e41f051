#include "worker/stages/stage_result.h"

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

class StageResultTest : public ::testing::Test {
 protected:
  StageResultTest()
      : output_(absl::StrCat(::testing::TempDir(), "/result-",
                             ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(output_);
    std::filesystem::create_directories(output_ + "/exported");
    Write("weights");
    StageResult result;
    result.stage = "pretrain";
    result.job_digest = "abc";
    result.attempt = 2;
    result.files = {"exported/pretrain.safetensors"};
    result.found["steps"] = 10;
    EXPECT_OK(WriteStageResult(output_, result));
  }

  void Write(const std::string& bytes) { std::ofstream(output_ + "/exported/pretrain.safetensors") << bytes; }
  absl::Status Find(const std::string& digest = "abc", int forgotten = 0) {
    return FindStageResult(output_, "pretrain", digest, forgotten);
  }

  std::string output_;
};

TEST_F(StageResultTest, ShowsThatAStageIsDone) {
  EXPECT_OK(Find());
  EXPECT_THAT(FindStageResult(output_, "finetune", "abc", 0), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(StageResultTest, IsForgottenWithItsAttempt) {
  EXPECT_THAT(Find("abc", /*forgotten=*/2), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_OK(Find("abc", /*forgotten=*/1));
}

TEST_F(StageResultTest, ForgettingAStageLeavesWhatIsOfOthers) {
  std::filesystem::create_directories(output_ + "/plots");
  for (const char* file : {"plots/pretrain-loss.png", "plots/evaluate-loss.png"}) {
    std::ofstream(absl::StrCat(output_, "/", file)) << "x";
  }
  ASSERT_OK(ForgetStage(output_, "pretrain", "another job"));
  EXPECT_OK(Find());
  ASSERT_OK(ForgetStage(output_, "pretrain", "abc"));
  EXPECT_THAT(Find(), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_FALSE(std::filesystem::exists(output_ + "/plots/pretrain-loss.png"));
  EXPECT_TRUE(std::filesystem::exists(output_ + "/plots/evaluate-loss.png"));
  // Weights without this job's name on them.
  EXPECT_TRUE(std::filesystem::exists(output_ + "/exported/pretrain.safetensors"));
  EXPECT_OK(ForgetStage(output_, "pretrain", "abc"));
}

TEST_F(StageResultTest, IsNotTakenForAnotherJobs) {
  EXPECT_THAT(Find("def"), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(StageResultTest, IsLostWithItsWeights) {
  Write("Weights");
  EXPECT_THAT(Find(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("pretrain.safetensors")));
  std::filesystem::remove(output_ + "/exported/pretrain.safetensors");
  EXPECT_THAT(Find(), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(StageResultTest, IsLostWhenItIsCut) {
  std::filesystem::resize_file(output_ + "/results/pretrain.json", 20);
  EXPECT_THAT(Find(), StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace pretext
