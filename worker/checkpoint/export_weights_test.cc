#include "worker/checkpoint/export_weights.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "proto/cpp/status_matchers.h"
#include "worker/models/safetensors.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

class ExportWeightsTest : public ::testing::Test {
 protected:
  ExportWeightsTest() {
    stage_.output = absl::StrCat(::testing::TempDir(), "/export-",
                                 ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(stage_.output);
    BackboneOptions options;
    options.name = "resnet10_narrow";
    backbone_ = *MakeBackbone(options);
    stage_.stage = "learn";
    stage_.backbone = backbone_.get();
    stage_.card.backbone = options;
    stage_.card.task = "moco";
  }

  std::vector<std::string> Exported() const {
    std::vector<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(stage_.output + "/exported")) {
      names.push_back(file.path().filename());
    }
    return names;
  }

  Backbone backbone_;
  StageExport stage_;
};

TEST_F(ExportWeightsTest, WritesTheStagesFileAndTheJobsWithNothingBeside) {
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> files, ExportStage(stage_));
  EXPECT_THAT(files, ElementsAre("exported/learn.safetensors"));
  EXPECT_THAT(Exported(), UnorderedElementsAre("learn.safetensors", "backbone.safetensors"));
  for (const char* name : {"learn", "backbone"}) {
    ASSERT_OK_AND_ASSIGN(const SafetensorsFile read,
                         ReadSafetensors(absl::StrCat(stage_.output, "/exported/", name, ".safetensors")));
    EXPECT_EQ(read.tensors.size(), MakeStateDict(*backbone_).size()) << name;
    EXPECT_EQ(read.metadata.at("pretext.task"), "moco") << name;
    EXPECT_EQ(read.metadata.count("pretext.classes"), 0) << name;
  }
}

TEST_F(ExportWeightsTest, TheHeadGoesWithTheStageAlone) {
  stage_.head = {{{"fc.weight", at::ones({2, 3})}}, {"cat", "dog"}};
  ASSERT_OK(ExportStage(stage_));
  ASSERT_OK_AND_ASSIGN(const SafetensorsFile whole,
                       ReadSafetensors(stage_.output + "/exported/learn.safetensors"));
  EXPECT_TRUE(at::equal(whole.tensors.at("fc.weight"), at::ones({2, 3})));
  EXPECT_EQ(whole.metadata.at("pretext.classes"), R"(["cat","dog"])");
  ASSERT_OK_AND_ASSIGN(const SafetensorsFile backbone,
                       ReadSafetensors(stage_.output + "/exported/backbone.safetensors"));
  EXPECT_EQ(backbone.tensors.count("fc.weight"), 0);
  EXPECT_EQ(backbone.metadata.count("pretext.classes"), 0);
}

TEST_F(ExportWeightsTest, AStageThatIsNotTheJobsLeavesTheJobsFileAlone) {
  stage_.is_the_jobs = false;
  ASSERT_OK(ExportStage(stage_));
  EXPECT_THAT(Exported(), ElementsAre("learn.safetensors"));
}

}  // namespace
}  // namespace pretext
