#include "worker/stages/picture_pass.h"

#include <numeric>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "proto/cpp/status_matchers.h"
#include "worker/dist/thread_process_group.h"
#include "worker/report/recording_reporter.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

// Picture i is all of value i; some are broken.
class Numbers final : public Dataset {
 public:
  Numbers(int64_t size, std::vector<int64_t> broken) : size_(size), broken_(std::move(broken)) {}
  int64_t size() const override { return size_; }
  absl::StatusOr<Image> Load(int64_t index) const override {
    for (const int64_t broken : broken_) {
      if (broken == index) return absl::DataLossError(absl::StrCat("number ", index));
    }
    return Image{8, 8, 1, std::vector<uint8_t>(64, static_cast<uint8_t>(index))};
  }
  int32_t label(int64_t index) const override { return -1; }
  std::string name(int64_t index) const override { return absl::StrCat(index); }
  int channels() const override { return 1; }
  const std::vector<std::string>& class_names() const override { return names_; }

 private:
  int64_t size_;
  std::vector<int64_t> broken_;
  std::vector<std::string> names_;
};

// One number a picture: its value.
at::Tensor FirstPixel(const at::Tensor& pictures) {
  return pictures.flatten(1).narrow(1, 0, 1).to(at::kFloat);
}

absl::StatusOr<PictureRows> Pass(ProcessGroup& group, const Dataset& dataset,
                                 const std::vector<int64_t>& indices, RecordingReporter* reporter,
                                 double max_broken_share = 0.5) {
  JobRun run;
  run.process_group = &group;
  run.reporter = reporter;
  run.clock = RealClock();
  PicturePass pass;
  pass.dataset = &dataset;
  pass.indices = indices;
  pass.image_size = 8;
  pass.max_broken_share = max_broken_share;
  pass.compute = FirstPixel;
  pass.tell = [](int64_t) {};
  return PassOverPictures(run, pass);
}

std::vector<float> Values(const PictureRows& passed) {
  const at::Tensor rows = passed.rows.contiguous();
  return {rows.const_data_ptr<float>(), rows.const_data_ptr<float>() + rows.numel()};
}

TEST(PassOverPicturesTest, GivesARowOfEachPictureInTheOrderAskedFor) {
  ThreadProcessGroup alone;
  RecordingReporter reporter;
  ASSERT_OK_AND_ASSIGN(const PictureRows passed, Pass(alone, Numbers(100, {}), {7, 99, 0, 42}, &reporter));
  EXPECT_THAT(passed.positions, ::testing::ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(Values(passed), ::testing::ElementsAre(7, 99, 0, 42));
}

TEST(PassOverPicturesTest, LeavesBrokenPicturesOutAndNamesThem) {
  ThreadProcessGroup alone;
  RecordingReporter reporter;
  ASSERT_OK_AND_ASSIGN(const PictureRows passed, Pass(alone, Numbers(10, {4}), {3, 4, 5}, &reporter));
  EXPECT_THAT(passed.positions, ::testing::ElementsAre(0, 2));
  EXPECT_THAT(Values(passed), ::testing::ElementsAre(3, 5));
  ASSERT_EQ(reporter.lines().size(), 1);
  EXPECT_THAT(reporter.lines()[0].text, HasSubstr("number 4"));
}

TEST(PassOverPicturesTest, GivesUpWhenTooManyAreBroken) {
  ThreadProcessGroup alone;
  RecordingReporter reporter;
  EXPECT_THAT(Pass(alone, Numbers(4, {1, 2}), {0, 1, 2, 3}, &reporter, /*max_broken_share=*/0.25).status(),
              StatusIs(absl::StatusCode::kDataLoss));
}

// 1200 pictures are three batches, the last not full: ranks have unlike shares.
TEST(PassOverPicturesTest, RanksShareTheWorkAndAllGetEverything) {
  std::vector<int64_t> indices(1200);
  std::iota(indices.begin(), indices.end(), 0);
  for (const int world_size : {2, 4}) {
    RunRanks(world_size, [&](ProcessGroup& group) {
      RecordingReporter reporter;
      const absl::StatusOr<PictureRows> passed = Pass(group, Numbers(1200, {1100}), indices, &reporter);
      ASSERT_OK(passed);
      ASSERT_EQ(passed->positions.size(), 1199);
      const std::vector<float> values = Values(*passed);
      for (size_t i = 0; i < values.size(); ++i) {
        EXPECT_EQ(values[i], static_cast<float>(passed->positions[i] % 256));
      }
    });
  }
}

TEST(PassOverPicturesTest, AllRanksStopWhenOneIsAsked) {
  std::vector<int64_t> indices(1200);
  RunRanks(2, [&](ProcessGroup& group) {
    RecordingReporter reporter;
    if (group.rank() == 1) reporter.RequestStop();
    EXPECT_THAT(Pass(group, Numbers(10, {}), indices, &reporter).status(),
                StatusIs(absl::StatusCode::kCancelled));
  });
}

TEST(PassBatchTest, FollowsTheSizeOfThePictures) {
  EXPECT_EQ(PassBatch(28), 512);
  EXPECT_EQ(PassBatch(224), 83);
  EXPECT_EQ(PassBatch(2000), 16);
}

}  // namespace
}  // namespace pretext
