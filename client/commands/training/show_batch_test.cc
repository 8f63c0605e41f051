#include <sys/stat.h>

#include "client/commands/fake_command_line.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "proto/cpp/spec_parsing.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kDrawn[] = R"({"file": "/w/batch.png", "stage": "pretrain", "tasks": ["jigsaw"], "pictures": 8,
                              "step": null, "remarks": ["picture left out: a.jpg"]})";

class ShowBatchTest : public ::testing::Test {
 protected:
  ShowBatchTest() {
    chmod(fake_.Write("bin/pretext-worker", "#!/bin/sh\n").c_str(), 0755);
    std::filesystem::create_directory(fake_.Path("pictures"));
    fake_.capture_answer = kDrawn;
  }
  std::vector<std::string> Asked() {
    return fake_.captured.empty() ? std::vector<std::string>() : fake_.captured.back();
  }

  FakeCommandLine fake_;
};

TEST_F(ShowBatchTest, HandsTheWorkerAJobWithItsDefaults) {
  ASSERT_EQ(fake_.Run({"show-batch", "--data", "pictures", "--task", "jigsaw", "--image-size", "48", "--set",
                       "stages[0].pretrain.tasks[0].jigsaw.grid=2", "--seed", "3", "--pictures", "8"}),
            0)
      << fake_.err.str();
  const std::vector<std::string> words = Asked();
  ASSERT_EQ(words.size(), 8);
  EXPECT_EQ(words[1], "show-batch");
  EXPECT_EQ(words[2], "--spec");
  const ParsedSpec parsed = ParseSpec(words[3]);
  EXPECT_TRUE(parsed.faults.empty());
  EXPECT_EQ(parsed.spec.data().images(), fake_.Path("pictures"));
  EXPECT_EQ(parsed.spec.seed(), 3);
  const v1::PretrainStage& stage = parsed.spec.stages(0).pretrain();
  EXPECT_EQ(stage.image_size(), 48);
  EXPECT_EQ(stage.tasks(0).jigsaw().grid(), 2);
  EXPECT_EQ(stage.tasks(0).jigsaw().augment().gray_probability(), 0.3);
  EXPECT_THAT(std::vector<std::string>(words.begin() + 4, words.end()),
              ElementsAre("--pictures", "8", "--out", fake_.Path("batch.png")));
  EXPECT_EQ(fake_.out.str(), "/w/batch.png: 8 pictures, jigsaw\n");
  EXPECT_THAT(fake_.err.str(), HasSubstr("picture left out: a.jpg"));
  EXPECT_TRUE(fake_.patiences.empty()) << "no coordinator is needed";
}

TEST_F(ShowBatchTest, TellsEveryFaultOfTheTask) {
  EXPECT_EQ(fake_.Run({"show-batch", "--data", "pictures", "--task", "rotation", "--set",
                       "stages[0].pretrain.tasks[0].rotation.augment.hue=2"}),
            64);
  EXPECT_THAT(fake_.err.str(), HasSubstr("must be between 0 and 0.5, not 2"));
  EXPECT_EQ(fake_.Run({"show-batch", "--data", "nowhere", "--task", "rotation"}), 64);
  EXPECT_THAT(fake_.err.str(), HasSubstr("nowhere"));
  EXPECT_NE(fake_.Run({"show-batch", "--data", "pictures", "--task", "rotatoin"}), 0);
  EXPECT_THAT(fake_.err.str(), HasSubstr("did you mean rotation?"));
  EXPECT_NE(fake_.Run({"show-batch", "--data", "pictures"}), 0);
  EXPECT_THAT(fake_.err.str(), HasSubstr("--task rotation"));
  EXPECT_NE(fake_.Run({"show-batch", "--job", "7", "--task", "rotation"}), 0);
  EXPECT_THAT(fake_.err.str(), HasSubstr("--job shows a job as it was trained"));
  EXPECT_TRUE(fake_.captured.empty());
}

TEST_F(ShowBatchTest, FindsTheOutputFolderOfAJobByItsName) {
  std::filesystem::create_directory(fake_.Path("out"));
  fake_.AddJob("jobs/7-xray", v1::Job::SUCCEEDED, "xray").set_output(fake_.Path("out"));
  fake_.capture_answer =
      R"({"file": "/w/s.png", "stage": "pretrain", "tasks": ["moco", "rotation"], "pictures": 5,
                             "step": 300, "remarks": []})";
  ASSERT_EQ(fake_.Run({"show-batch", "--job", "xray", "--stage", "pretrain", "--data", "pictures", "--out",
                       "s.png"}),
            0)
      << fake_.err.str();
  EXPECT_THAT(Asked(), ElementsAre(fake_.Path("bin/pretext-worker"), "show-batch", "--output",
                                   fake_.Path("out"), "--data", fake_.Path("pictures"), "--stage", "pretrain",
                                   "--pictures", "8", "--out", fake_.Path("s.png")));
  EXPECT_EQ(fake_.out.str(),
            "/w/s.png: 5 pictures, moco, rotation; answers after step 300 of stage pretrain\n");
}

TEST_F(ShowBatchTest, TakesAnOutputFolderWithoutAskingTheCoordinator) {
  std::filesystem::create_directory(fake_.Path("out"));
  ASSERT_EQ(fake_.Run({"show-batch", "--job", "out"}), 0) << fake_.err.str();
  EXPECT_THAT(Asked()[3], fake_.Path("out"));
  EXPECT_TRUE(fake_.patiences.empty());
}

TEST_F(ShowBatchTest, SaysWhatToDoWhereTheOutputFolderIsElsewhere) {
  fake_.AddJob("jobs/7-xray", v1::Job::SUCCEEDED, "xray").set_output("/cluster/xray");
  EXPECT_NE(fake_.Run({"show-batch", "--job", "7-xray"}), 0);
  EXPECT_THAT(fake_.err.str(), HasSubstr("pretext download jobs/7-xray --all --to DIR"));
  EXPECT_NE(fake_.Run({"show-batch", "--job", "yray"}), 0);
  EXPECT_THAT(fake_.err.str(), HasSubstr("neither a folder"));
  EXPECT_TRUE(fake_.captured.empty());
}

}  // namespace
}  // namespace pretext
