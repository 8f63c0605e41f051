#include "worker/stages/batch_sheet.h"

#include <filesystem>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "proto/cpp/status_matchers.h"
#include "worker/report/recording_reporter.h"
#include "worker/stages/toy_job.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kTwoTasks[] = R"(
data: {images: DATA}
stages:
- pretrain:
    tasks: [{rotation: {}}, {weight: 0, denoising: {code_size: 8}}]
    backbone: {name: resnet10_narrow}
    batch_size: 16
    max_steps: 3
)";

cv::Mat Decoded(const BatchSheet& sheet) {
  return cv::imdecode(std::vector<uint8_t>(sheet.png.begin(), sheet.png.end()), cv::IMREAD_COLOR);
}

SheetRequest RequestFor(const v1::JobSpec& spec) {
  SheetRequest request;
  request.spec = spec;
  request.pictures = 4;
  return request;
}

TEST(BatchSheetTest, ShowsEveryTaskOfAStageBeforeTraining) {
  const ToyJobs toys("batch_sheet");
  ASSERT_OK_AND_ASSIGN(const BatchSheet sheet, MakeBatchSheet(RequestFor(toys.Spec(kTwoTasks, "out"))));
  EXPECT_THAT(sheet.tasks, ElementsAre("rotation", "denoising"));
  EXPECT_EQ(sheet.stage, "pretrain");
  EXPECT_EQ(sheet.pictures, 4);
  EXPECT_FALSE(sheet.step.has_value());
  const cv::Mat drawn = Decoded(sheet);
  EXPECT_GT(drawn.cols, 5 * 192);      // a picture and its four turns
  EXPECT_GT(drawn.rows, 2 * 4 * 192);  // four pictures a task
}

TEST(BatchSheetTest, TheSeedChoosesPicturesAndDraws) {
  const ToyJobs toys("batch_sheet");
  SheetRequest request = RequestFor(toys.Spec(kTwoTasks, "out"));
  ASSERT_OK_AND_ASSIGN(const BatchSheet first, MakeBatchSheet(request));
  ASSERT_OK_AND_ASSIGN(const BatchSheet same, MakeBatchSheet(request));
  EXPECT_EQ(first.png, same.png);
  request.seed = 5;
  ASSERT_OK_AND_ASSIGN(const BatchSheet other, MakeBatchSheet(request));
  EXPECT_NE(first.png, other.png);
}

TEST(BatchSheetTest, ShowsWhatTheNewestCheckpointAnswers) {
  const ToyJobs toys("batch_sheet");
  const v1::JobSpec spec = toys.Spec(kTwoTasks, "out");
  SheetRequest request;
  request.output = toys.path("out");
  request.pictures = 4;
  EXPECT_THAT(MakeBatchSheet(request),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is not the output folder of a job")));
  RecordingReporter reporter;
  ASSERT_OK(ToyJobs::Run(spec, &reporter));
  ASSERT_OK_AND_ASSIGN(const BatchSheet sheet, MakeBatchSheet(request));
  EXPECT_EQ(sheet.step, 3);
  EXPECT_THAT(sheet.tasks, ElementsAre("rotation", "denoising"));
  const nlohmann::json said = nlohmann::json::parse(BatchSheetAsJson(sheet, "/x/batch.png"));
  EXPECT_EQ(said["file"], "/x/batch.png");
  EXPECT_EQ(said["step"], 3);
  EXPECT_EQ(said["tasks"], nlohmann::json({"rotation", "denoising"}));
  EXPECT_FALSE(Decoded(sheet).empty());

  std::filesystem::rename(toys.path("train"), toys.path("moved"));
  EXPECT_THAT(MakeBatchSheet(request),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("can be shown with --data")));
  request.images = toys.path("test");
  ASSERT_OK_AND_ASSIGN(const BatchSheet others, MakeBatchSheet(request));
  EXPECT_NE(others.png, sheet.png);

  request.stage = "pretrian";
  EXPECT_THAT(MakeBatchSheet(request),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("it has: pretrain")));
}

TEST(BatchSheetTest, ShowsASetThatIsSmallerThanABatch) {
  const ToyJobs toys("batch_sheet");
  v1::JobSpec spec = toys.Spec(kTwoTasks, "out");
  spec.mutable_stages(0)->mutable_pretrain()->set_batch_size(256);
  EXPECT_OK(MakeBatchSheet(RequestFor(spec)));
}

TEST(BatchSheetTest, SaysWhyATaskCannotWork) {
  const ToyJobs toys("batch_sheet");
  v1::JobSpec spec = toys.Spec(kTwoTasks, "out");
  spec.mutable_stages(0)->mutable_pretrain()->mutable_tasks(1)->mutable_denoising()->set_code_size(5000);
  EXPECT_THAT(MakeBatchSheet(RequestFor(spec)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("lower code_size")));
}

}  // namespace
}  // namespace pretext
