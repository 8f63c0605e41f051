// submit, validate, pretrain, finetune and evaluate: what becomes of what was typed or written.

#include "client/commands/jobs/submit.h"

#include "client/commands/fake_command_line.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "proto/cpp/error_details.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class SubmitTest : public ::testing::Test {
 protected:
  SubmitTest() {
    fake_.Write("pictures/a/1.jpg", "");
    fake_.Write("pictures/b/2.jpg", "");
  }
  const v1::JobSpec& Created() const { return fake_.client.created.back().spec(); }

  FakeCommandLine fake_;
};

constexpr char kJob[] = R"(name: xray
data: {images: pictures}
stages:
- pretrain:
    tasks:
    - rotation: {}
    epochs: 2
)";

TEST_F(SubmitTest, QueuesAJobWithPathsFromTheWorkingDirectory) {
  fake_.Write("job.yaml", kJob);
  EXPECT_EQ(fake_.Run({"submit", "job.yaml", "--out", "results"}), 0);
  EXPECT_EQ(Created().name(), "xray");
  EXPECT_EQ(Created().data().images(), fake_.Path("pictures"));
  EXPECT_EQ(Created().output(), fake_.Path("results"));
  EXPECT_EQ(fake_.out.str(), absl::StrCat("jobs/1 submitted; results go to ", fake_.Path("results"),
                                          "\nTo see it: pretext watch jobs/1\n"));
}

TEST_F(SubmitTest, QuietPrintsTheNameAlone) {
  fake_.Write("job.yaml", kJob);
  EXPECT_EQ(fake_.Run({"submit", "job.yaml", "--quiet"}), 0);
  EXPECT_EQ(fake_.out.str(), "jobs/1\n");
  EXPECT_EQ(fake_.err.str(), "");
}

TEST_F(SubmitTest, ReadsStandardInput) {
  fake_.in.str(kJob);
  EXPECT_EQ(fake_.Run({"submit", "-", "--set", "stages[0].pretrain.epochs=7", "--name", "other"}), 0);
  EXPECT_EQ(Created().stages(0).pretrain().epochs(), 7);
  EXPECT_EQ(Created().name(), "other");
}

TEST_F(SubmitTest, PassesTheRequestIdOn) {
  fake_.Write("job.yaml", kJob);
  EXPECT_EQ(fake_.Run({"submit", "job.yaml", "--request-id", "6ba7b810-9dad-41d1-80b4-00c04fd430c8"}), 0);
  EXPECT_EQ(fake_.client.created.back().request_id(), "6ba7b810-9dad-41d1-80b4-00c04fd430c8");
}

TEST_F(SubmitTest, EveryMistakeIsReportedAtOnceWithItsLineAndNothingIsQueued) {
  fake_.Write("job.yaml", R"(name: five
data: {images: pictures}
stages:
- pretrain:
    backbone: {name: resnet19}
    tasks:
    - moco: {temprature: 0.2}
    - {weight: -1, rotation: {}}
    epochs: many
    batch_size: 256
resources: {world_size: 3}
)");
  for (const char* command : {"submit", "validate"}) {
    EXPECT_EQ(fake_.Run({command, "job.yaml"}), 64);
    EXPECT_EQ(
        fake_.err.str(),
        "job.yaml:5:16: stages[0].pretrain.backbone.name: there is no backbone 'resnet19'; did you mean "
        "resnet18?\n"
        "job.yaml:7:14: stages[0].pretrain.tasks[0].moco.temprature: unknown key 'temprature'; did you mean "
        "temperature?\n"
        "job.yaml:8:8: stages[0].pretrain.tasks[1].weight: must be 0 or more, not -1\n"
        "job.yaml:9:5: stages[0].pretrain.epochs: epochs must be a whole number, not 'many'\n"
        "job.yaml:11:13: resources.world_size: world_size 3 does not divide batch_size 256, so ranks would "
        "get unequal shares; change either\n");
  }
  EXPECT_THAT(fake_.client.created, IsEmpty());
  EXPECT_THAT(fake_.patiences, IsEmpty()) << "no coordinator is needed to see this";
}

TEST_F(SubmitTest, WhatAnOptionReplacesIsNoMistakeAnyMore) {
  fake_.Write("job.yaml", absl::StrCat(kJob, "priority: high\n"));
  EXPECT_EQ(fake_.Run({"submit", "job.yaml"}), 64);
  EXPECT_EQ(fake_.Run({"submit", "job.yaml", "--set", "priority=3"}), 0);
  EXPECT_EQ(fake_.Run({"submit", "job.yaml", "--set", "priority=3000"}), 64);
  EXPECT_THAT(fake_.err.str(), HasSubstr("--set priority: "));
  EXPECT_EQ(fake_.Run({"submit", "job.yaml", "--set", "priorty=3"}), 64);
  EXPECT_THAT(fake_.err.str(), HasSubstr("did you mean priority?"));
}

TEST_F(SubmitTest, PathsThatAreNotThereAreMistakesOnThisMachineOnly) {
  fake_.Write("job.yaml", "data: {images: picturs}\nstages:\n- pretrain: {tasks: [{rotation: {}}]}\n");
  EXPECT_EQ(fake_.Run({"submit", "job.yaml"}), 64);
  EXPECT_THAT(fake_.err.str(),
              HasSubstr(absl::StrCat("job.yaml:1:8: data.images: there is no file or folder ",
                                     fake_.Path("picturs"), "; did you mean ", fake_.Path("pictures"), "?")));
  EXPECT_EQ(fake_.Run({"submit", "job.yaml", "--server", "cluster:7070"}), 0);
}

TEST_F(SubmitTest, WhatTheCoordinatorFindsIsShownAtItsLineToo) {
  fake_.Write(
      "job.yaml",
      "data: {images: pictures, labels: folders}\nstages:\n- evaluate: {knn: {}, init: {job: jobs/9}}\n");
  FieldViolations violations;
  violations.Add("stages[0].evaluate.init.job", "there is no job 'jobs/9' here");
  fake_.client.create_failure = violations.ToStatus("INVALID_SPEC");
  for (const char* command : {"submit", "validate"}) {
    EXPECT_EQ(fake_.Run({command, "job.yaml"}), 64);
    EXPECT_EQ(fake_.err.str(), "job.yaml:3:30: stages[0].evaluate.init.job: there is no job 'jobs/9' here\n");
  }
}

TEST_F(SubmitTest, AMissingJobFileIsSaid) {
  EXPECT_EQ(fake_.Run({"submit", "nowhere.yaml"}), 66);
  EXPECT_THAT(fake_.err.str(), HasSubstr("cannot read the job file nowhere.yaml"));
}

TEST_F(SubmitTest, ValidateShowsWhereEachValueComesFrom) {
  fake_.Write("job.yaml", kJob);
  EXPECT_EQ(fake_.Run({"validate", "job.yaml"}), 0);
  EXPECT_THAT(fake_.out.str(), HasSubstr("job.yaml is fine: 1 stage, job 'xray'"));
  EXPECT_EQ(fake_.Run({"validate", "job.yaml", "-o", "yaml"}), 0);
  EXPECT_THAT(fake_.out.str(), HasSubstr("    epochs: 2                                   # given\n"));
  EXPECT_THAT(fake_.out.str(), HasSubstr("    batch_size: 256                             # default\n"));
  EXPECT_EQ(fake_.Run({"validate", "job.yaml", "-o", "json"}), 0);
  EXPECT_EQ(nlohmann::json::parse(fake_.out.str())["stages"][0]["pretrain"]["batch_size"], 256);
  EXPECT_THAT(fake_.client.created, IsEmpty());
}

TEST_F(SubmitTest, WhoseFolderAnOutputIsTheCoordinatorSays) {
  fake_.Write("job.yaml", absl::StrCat(kJob, "output: out\n"));
  FieldViolations violations;
  violations.Add("output", "'/out' is the folder of jobs/7-x (SUCCEEDED)");
  const absl::Status invalid = violations.ToStatus();
  fake_.client.create_failure = absl::FailedPreconditionError(invalid.message());
  fake_.client.create_failure.SetPayload(kStatusDetailsKey, invalid.GetPayload(kStatusDetailsKey).value());
  EXPECT_EQ(fake_.Run({"submit", "job.yaml", "--out", "out"}), 1);
  EXPECT_EQ(fake_.err.str(), "--out: '/out' is the folder of jobs/7-x (SUCCEEDED)\n");
  EXPECT_EQ(fake_.Run({"submit", "job.yaml"}), 1);
  EXPECT_EQ(fake_.err.str(), "job.yaml:8:1: output: '/out' is the folder of jobs/7-x (SUCCEEDED)\n");
  EXPECT_EQ(fake_.Run({"validate", "job.yaml", "--server", "elsewhere:7077"}), 1);
  EXPECT_EQ(fake_.err.str(), "job.yaml:8:1: output: '/out' is the folder of jobs/7-x (SUCCEEDED)\n");
}

TEST_F(SubmitTest, FollowsWhenAskedTo) {
  fake_.Write("job.yaml", kJob);
  v1::Job failed;
  failed.set_name("jobs/1");
  failed.set_state(v1::Job::FAILED);
  fake_.client.coming = {failed};
  EXPECT_EQ(fake_.Run({"submit", "job.yaml", "--follow"}), 10);
  EXPECT_THAT(fake_.out.str(), HasSubstr("jobs/1 submitted"));
  EXPECT_THAT(fake_.out.str(), HasSubstr("jobs/1 failed"));
}

TEST_F(SubmitTest, AnEmptyJobFileIsSaidToBeEmpty) {
  fake_.Write("job.yaml", "");
  EXPECT_EQ(fake_.Run({"submit", "job.yaml"}), 64);
  EXPECT_THAT(fake_.err.str(), HasSubstr("job.yaml: is empty"));
  EXPECT_EQ(fake_.Run({"submit", "pictures"}), 66);
  EXPECT_THAT(fake_.err.str(), HasSubstr("pictures is a folder"));
}

TEST_F(SubmitTest, AJobThatNoMachineCanHoldIsQueuedWithAWarning) {
  v1::Node& node = fake_.client.nodes["nodes/local"];
  node.set_name("nodes/local");
  node.set_state(v1::Node::READY);
  node.mutable_capacity()->set_cpu_slots(2);
  EXPECT_EQ(fake_.Run({"pretrain", "--data", "pictures", "--ranks", "4", "--detach"}), 0);
  EXPECT_THAT(fake_.err.str(),
              HasSubstr("jobs/1 needs 4 CPU slots, and the machines that take work have 2 in all"));
  EXPECT_EQ(fake_.Run({"pretrain", "--data", "pictures", "--device", "gpu", "--quiet"}), 0);
  EXPECT_EQ(fake_.out.str(), "jobs/2\n");
  EXPECT_THAT(fake_.err.str(), HasSubstr("jobs/2 needs 1 GPU, and the machines that take work have none"));
  EXPECT_EQ(fake_.Run({"pretrain", "--data", "pictures", "--ranks", "2", "--detach"}), 0);
  EXPECT_EQ(fake_.err.str(), "");
}

TEST_F(SubmitTest, ARejectedJobLeavesNoFolderBehind) {
  FieldViolations violations;
  violations.Add("stages[0].pretrain", "no");
  fake_.client.create_failure = violations.ToStatus("INVALID_SPEC");
  EXPECT_EQ(fake_.Run({"pretrain", "--data", "pictures", "--detach"}), 64);
  EXPECT_FALSE(std::filesystem::exists(fake_.Path("pretext-out/moco")));
}

TEST_F(SubmitTest, PretrainMakesAJobOfOneStage) {
  EXPECT_EQ(fake_.Run({"pretrain",
                       "--data",
                       "pictures",
                       "--task",
                       "moco, rotation:0.3",
                       "--backbone",
                       "resnet10_narrow",
                       "--epochs",
                       "3",
                       "--batch-size",
                       "32",
                       "--image-size",
                       "32",
                       "--ranks",
                       "2",
                       "--device",
                       "gpu",
                       "--seed",
                       "5",
                       "--learning-rate",
                       "0.1",
                       "--set",
                       "stages[0].pretrain.backbone.stem=SMALL",
                       "--out",
                       "out",
                       "--name",
                       "mine",
                       "--detach"}),
            0)
      << fake_.err.str();
  const v1::PretrainStage& stage = Created().stages(0).pretrain();
  ASSERT_EQ(stage.tasks_size(), 2);
  EXPECT_TRUE(stage.tasks(0).has_moco());
  EXPECT_FALSE(stage.tasks(0).has_weight());
  EXPECT_TRUE(stage.tasks(1).has_rotation());
  EXPECT_EQ(stage.tasks(1).weight(), 0.3);
  EXPECT_EQ(stage.backbone().name(), "resnet10_narrow");
  EXPECT_EQ(stage.backbone().stem(), v1::BackboneSpec::SMALL);
  EXPECT_EQ(stage.epochs(), 3);
  EXPECT_EQ(stage.batch_size(), 32);
  EXPECT_EQ(stage.image_size(), 32);
  EXPECT_EQ(stage.optimizer().learning_rate(), 0.1);
  EXPECT_EQ(Created().resources().world_size(), 2);
  EXPECT_EQ(Created().resources().device(), v1::Resources::GPU);
  EXPECT_EQ(Created().seed(), 5);
  EXPECT_EQ(Created().name(), "mine");
  EXPECT_EQ(Created().output(), fake_.Path("out"));
  EXPECT_EQ(Created().data().images(), fake_.Path("pictures"));
}

TEST_F(SubmitTest, FaultsOfOptionsNameTheOption) {
  EXPECT_EQ(fake_.Run({"pretrain", "--data", "pictures", "--epochs", "0", "--batch-size", "-1", "--backbone",
                       "resnet"}),
            64);
  EXPECT_THAT(fake_.err.str(), HasSubstr("--epochs: must be "));
  EXPECT_THAT(fake_.err.str(), HasSubstr("--batch-size: must be "));
  EXPECT_THAT(fake_.err.str(), HasSubstr("--backbone: there is no backbone 'resnet'"));
  EXPECT_EQ(fake_.Run({"pretrain", "--data", "pictures", "--task", "rotaton"}), 64);
  EXPECT_THAT(fake_.err.str(), HasSubstr("--task: there is no task 'rotaton'; did you mean rotation?"));
  EXPECT_EQ(fake_.Run({"pretrain", "--data", "pictures", "--task", "rotation:much"}), 64);
  EXPECT_THAT(fake_.err.str(), HasSubstr("the weight of rotation must be a number"));
  EXPECT_EQ(fake_.Run({"pretrain", "--data", "pictures", "--device", "gpy"}), 64);
  EXPECT_THAT(fake_.err.str(), HasSubstr("did you mean gpu?"));
  EXPECT_THAT(fake_.client.created, IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(fake_.Path("pretext-out"))) << "nothing is left behind";
}

TEST_F(SubmitTest, EachJobGetsAFolderOfItsOwnInPretextOut) {
  EXPECT_EQ(fake_.Run({"pretrain", "--data", "pictures", "--detach"}), 0);
  EXPECT_EQ(Created().output(), fake_.Path("pretext-out/moco"));
  EXPECT_EQ(fake_.Run({"pretrain", "--data", "pictures", "--detach"}), 0);
  EXPECT_EQ(Created().output(), fake_.Path("pretext-out/moco-2"));
  fake_.client.create_failure = absl::UnavailableError("away");
  EXPECT_EQ(fake_.Run({"pretrain", "--data", "pictures", "--detach"}), 69);
  EXPECT_FALSE(std::filesystem::exists(fake_.Path("pretext-out/moco-3")));
}

TEST_F(SubmitTest, ACoordinatorElsewhereKeepsTheResultsUnlessToldWhere) {
  EXPECT_EQ(fake_.Run({"pretrain", "--data", "/data/there", "--detach", "--server", "cluster:7070"}), 0);
  EXPECT_EQ(Created().output(), "");
  EXPECT_EQ(Created().data().images(), "/data/there");
}

TEST_F(SubmitTest, FinetuneStartsFromAFolderAFileOrAJob) {
  fake_.Write("first/exported/backbone.safetensors", "");
  EXPECT_EQ(fake_.Run({"finetune", "--data", "pictures", "--from", "first", "--detach"}), 0);
  EXPECT_EQ(Created().stages(0).finetune().init().file(), fake_.Path("first"));
  EXPECT_EQ(Created().data().labels(), "folders");
  EXPECT_TRUE(Created().stages(0).finetune().has_classify());

  EXPECT_EQ(fake_.Run({"finetune", "--data", "pictures", "--from", "first/exported/backbone.safetensors",
                       "--detach"}),
            0);
  EXPECT_EQ(Created().stages(0).finetune().init().file(), fake_.Path("first/exported/backbone.safetensors"));

  fake_.AddJob("jobs/7-xray", v1::Job::SUCCEEDED, "xray");
  for (const char* from : {"jobs/7-xray", "7-xray", "7", "xray"}) {
    EXPECT_EQ(fake_.Run({"finetune", "--data", "pictures", "--from", from, "--detach"}), 0) << from;
    EXPECT_EQ(Created().stages(0).finetune().init().job(), "jobs/7-xray");
  }

  EXPECT_EQ(fake_.Run({"finetune", "--data", "pictures", "--from", "random", "--recipe", "full", "--detach"}),
            0);
  EXPECT_TRUE(Created().stages(0).finetune().init().has_random());
  EXPECT_EQ(Created().stages(0).finetune().recipe(), v1::FinetuneStage::FULL);
  EXPECT_FALSE(Created().stages(0).finetune().has_unlabelled());

  EXPECT_EQ(fake_.Run({"finetune", "--data", "pictures", "--from", "./nowhere"}), 64);
  EXPECT_THAT(fake_.err.str(), HasSubstr("there is no file or folder"));
  EXPECT_EQ(fake_.Run({"finetune", "--data", "pictures", "--from", "xry"}), 66);
  EXPECT_THAT(fake_.err.str(), HasSubstr("did you mean xray?"));
}

TEST_F(SubmitTest, FinetuneLearnsFromUnlabelledPicturesByName) {
  const auto run = [&](std::vector<std::string> more) {
    std::vector<std::string> words = {"finetune", "--data", "pictures", "--from", "random", "--detach"};
    words.insert(words.end(), more.begin(), more.end());
    return fake_.Run(words);
  };
  EXPECT_EQ(run({"--unlabelled", "fixmatch", "--set", "stages[0].finetune.unlabelled.ratio=3"}), 0)
      << fake_.err.str();
  EXPECT_EQ(Created().stages(0).finetune().unlabelled().method(), v1::UnlabelledSpec::FIXMATCH);
  EXPECT_EQ(Created().stages(0).finetune().unlabelled().ratio(), 3);
  EXPECT_FALSE(Created().stages(0).finetune().unlabelled().has_data());

  fake_.Write("more/picture.png", "");
  EXPECT_EQ(run({"--unlabelled-data", "more"}), 0) << fake_.err.str();
  EXPECT_EQ(Created().stages(0).finetune().unlabelled().data().images(), fake_.Path("more"));

  EXPECT_EQ(run({"--unlabelled", "fixmach"}), 64);
  EXPECT_THAT(fake_.err.str(),
              HasSubstr("--unlabelled: there is no method 'fixmach'; did you mean fixmatch?"));
  EXPECT_EQ(run({"--unlabelled", "uda", "--recipe", "linear-probe"}), 64);
  EXPECT_THAT(fake_.err.str(), HasSubstr("does not go with the recipe LINEAR_PROBE"));
  EXPECT_EQ(run({"--unlabelled-data", "mor"}), 64);
  EXPECT_THAT(fake_.err.str(), HasSubstr("there is no file or folder"));
}

TEST_F(SubmitTest, LabelsAreFoundBesideThePictures) {
  fake_.Write("pictures/labels.csv", "path,label\n");
  fake_.Write("other.csv", "path,label\n");
  const std::vector<std::string> kBegin = {"finetune", "--data", "pictures", "--from", "random", "--detach"};
  const auto labels_with = [&](std::vector<std::string> more) {
    std::vector<std::string> words = kBegin;
    words.insert(words.end(), more.begin(), more.end());
    EXPECT_EQ(fake_.Run(words), 0) << fake_.err.str();
    return Created().data().labels();
  };
  EXPECT_EQ(labels_with({}), fake_.Path("pictures/labels.csv"));
  EXPECT_EQ(labels_with({"--labels", "labels.csv"}), fake_.Path("pictures/labels.csv"));
  EXPECT_EQ(labels_with({"--labels", "other.csv"}), fake_.Path("other.csv"));
  EXPECT_EQ(labels_with({"--labels", "folders"}), "folders");
  EXPECT_EQ(fake_.Run({"finetune", "--data", "other.csv", "--from", "random"}), 64);
  EXPECT_THAT(fake_.err.str(), HasSubstr("--labels: is missing"));
}

TEST_F(SubmitTest, EvaluateAsksForBothProbesUnlessOneIsNamed) {
  EXPECT_EQ(fake_.Run({"evaluate", "--data", "pictures", "--from", "random", "--detach"}), 0);
  EXPECT_TRUE(Created().stages(0).evaluate().has_knn());
  EXPECT_TRUE(Created().stages(0).evaluate().has_linear());
  EXPECT_EQ(fake_.Run({"evaluate", "--data", "pictures", "--from", "random", "--knn", "--test", "pictures",
                       "--detach"}),
            0);
  EXPECT_TRUE(Created().stages(0).evaluate().has_knn());
  EXPECT_FALSE(Created().stages(0).evaluate().has_linear());
  EXPECT_EQ(Created().stages(0).evaluate().test().labels(), "folders");
}

TEST_F(SubmitTest, HomeIsExpandedInJobFiles) {
  fake_.Write("home/data/1.jpg", "");
  fake_.Write("job.yaml", "data: {images: ~/data/}\nstages:\n- pretrain: {tasks: [{rotation: {}}]}\n");
  EXPECT_EQ(fake_.Run({"submit", "job.yaml"}), 0) << fake_.err.str();
  EXPECT_EQ(Created().data().images(), fake_.Path("home/data"));
}

}  // namespace
}  // namespace pretext
