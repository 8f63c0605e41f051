#include "worker/tasks/task_fit.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "proto/cpp/status_matchers.h"
#include "worker/tasks/registry.h"
#include "worker/tasks/toy_stage.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

// A folder of toy pictures as PPM or PGM, every second one upside down with `turned`.
v1::DataSpec WritePictures(const std::string& name, int count, int side, int channels, bool turned) {
  const std::string folder = absl::StrCat(::testing::TempDir(), "/", name);
  std::filesystem::create_directories(folder);
  const ToyDataset toys(count, side, channels);
  for (int i = 0; i < count; ++i) {
    Image image = *toys.Load(i);
    if (turned && i % 2 == 1) {
      // Turned by half a turn, grey pixels alone.
      std::reverse(image.pixels.begin(), image.pixels.end());
    }
    std::ofstream file(absl::StrCat(folder, "/", i, channels == 3 ? ".ppm" : ".pgm"), std::ios::binary);
    file << (channels == 3 ? "P6 " : "P5 ") << side << " " << side << " 255\n";
    file.write(reinterpret_cast<const char*>(image.pixels.data()),
               static_cast<std::streamsize>(image.pixels.size()));
  }
  v1::DataSpec data;
  data.set_images(folder);
  return data;
}

TaskFit Of(const DataFit& fit, absl::string_view task) {
  for (const TaskFit& found : fit.tasks) {
    if (found.task == task) return found;
  }
  ADD_FAILURE() << "no task " << task;
  return {};
}

TEST(TaskFitTest, JudgesEveryTaskOfTheRegistry) {
  ASSERT_OK_AND_ASSIGN(const DataFit fit, FitTasks(WritePictures("all", 40, 32, 3, /*turned=*/false), 0));
  EXPECT_EQ(fit.facts.pictures, 40);
  ASSERT_EQ(fit.tasks.size(), Tasks().size());
  EXPECT_EQ(Of(fit, "rotation").fit, Fit::kYes);
  EXPECT_EQ(Of(fit, "colorization").fit, Fit::kYes);
  EXPECT_EQ(Of(fit, "moco").fit, Fit::kDoubtful);
  EXPECT_THAT(Of(fit, "moco").why, HasSubstr("there are 40 pictures"));
}

TEST(TaskFitTest, GreyPicturesHaveNoColorToPredict) {
  ASSERT_OK_AND_ASSIGN(const DataFit fit, FitTasks(WritePictures("grey", 20, 32, 1, /*turned=*/false), 0));
  EXPECT_EQ(Of(fit, "colorization").fit, Fit::kRefused);
  EXPECT_THAT(Of(fit, "colorization").why, HasSubstr("grey"));
}

TEST(TaskFitTest, PicturesThatLieEitherWayUpAreDoubtfulForRotation) {
  ASSERT_OK_AND_ASSIGN(const DataFit fit, FitTasks(WritePictures("turned", 40, 32, 1, /*turned=*/true), 0));
  EXPECT_EQ(Of(fit, "rotation").fit, Fit::kDoubtful);
  EXPECT_THAT(Of(fit, "rotation").why, HasSubstr("have an up"));
}

TEST(TaskFitTest, TinyPicturesAreRefusedWhereNothingWouldBeSeen) {
  ASSERT_OK_AND_ASSIGN(const DataFit fit, FitTasks(WritePictures("tiny", 20, 12, 3, /*turned=*/false), 0));
  EXPECT_EQ(Of(fit, "context_prediction").fit, Fit::kRefused);
  EXPECT_EQ(Of(fit, "jigsaw").fit, Fit::kRefused);
  ASSERT_OK_AND_ASSIGN(const DataFit larger, FitTasks(WritePictures("tiny", 20, 12, 3, false), 64));
  EXPECT_NE(Of(larger, "jigsaw").fit, Fit::kRefused);
}

TEST(TaskFitTest, UprightEvidenceIsADifferenceInStandardErrors) {
  EXPECT_EQ(UprightEvidence({}), 0);
  EXPECT_EQ(UprightEvidence({1, -1, 1, -1}), 0);
  EXPECT_EQ(UprightEvidence({5, 5, 5}), INFINITY);
  EXPECT_NEAR(UprightEvidence({1, 2, 3}), 2 / (1 / std::sqrt(3.0)), 1e-12);
}

TEST(TaskFitTest, TellsPrograms) {
  DataFit fit;
  fit.facts.pictures = 7;
  fit.tasks = {{"moco", Fit::kDoubtful, "few"}};
  const auto json = nlohmann::json::parse(DataFitAsJson(fit));
  EXPECT_EQ(json["data"]["pictures"], 7);
  EXPECT_EQ(json["tasks"][0], nlohmann::json({{"name", "moco"}, {"fits", "doubtful"}, {"why", "few"}}));
}

}  // namespace
}  // namespace pretext
