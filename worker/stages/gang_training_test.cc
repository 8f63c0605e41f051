// How many ranks share a job, and how many parts a batch is split into, changes no loss where batch-norm
// groups are the same. Ranks are processes.

#include <cmath>
#include <map>

#include "gmock/gmock.h"
#include "proto/cpp/status_matchers.h"
#include "worker/dist/process_gang.h"
#include "worker/stages/toy_job.h"

namespace pretext {
namespace {

// Metrics of rank 0, handed from its process to the test's by a file.
void Save(const RecordingReporter& reporter, const std::string& path) {
  std::ofstream file(path);
  file.precision(17);
  for (const RecordingReporter::Point& point : reporter.points()) {
    file << point.metric << " " << point.step << " " << point.value << "\n";
  }
}

std::map<int64_t, double> Load(const std::string& path, const std::string& metric) {
  std::ifstream file(path);
  std::map<int64_t, double> values;
  std::string name;
  int64_t step;
  for (double value; file >> name >> step >> value;) {
    if (name == metric) values[step] = value;
  }
  return values;
}

class GangTrainingTest : public ::testing::Test {
 protected:
  // Runs the job on so many ranks; the value of `metric` by step.
  std::map<int64_t, double> Run(const std::string& yaml, int world_size, const std::string& output,
                                const std::string& metric) {
    v1::JobSpec spec = jobs_.Spec(yaml, output);
    spec.mutable_resources()->set_world_size(world_size);
    const std::string points = jobs_.path(output + "-points");
    RunGang(world_size, [&](ProcessGroup& group) {
      RecordingReporter reporter;
      ASSERT_OK(ToyJobs::Run(spec, &reporter, &group));
      if (group.rank() == 0) {
        Save(reporter, points);
      } else {
        EXPECT_TRUE(reporter.points().empty());
      }
    });
    return Load(points, metric);
  }

  static void ExpectNear(const std::map<int64_t, double>& one, const std::map<int64_t, double>& other,
                         double tolerance) {
    ASSERT_EQ(one.size(), other.size());
    ASSERT_FALSE(one.empty());
    for (const auto& [step, value] : one) EXPECT_NEAR(value, other.at(step), tolerance) << step;
  }

  ToyJobs jobs_{"gang"};
};

std::string Pretrain(const std::string& tasks, const std::string& rest) {
  return absl::StrCat("data: {images: DATA}\nstages:\n- pretrain: {tasks: [", tasks,
                      "], batch_size: 16, precision: FP32, max_steps: 5, optimizer: {learning_rate: 0.01}, ",
                      rest, "}\n");
}

TEST_F(GangTrainingTest, TwoRanksPretrainAsOneWithTwoGroups) {
  const std::string yaml =
      Pretrain("{moco: {queue_length: 32}}, {weight: 0.5, rotation: {}}, {weight: 0.2, colorization: {}}",
               "backbone: {name: resnet10_narrow, bn_groups: 2}");
  ExpectNear(Run(yaml, 1, "one", "pretrain/loss"), Run(yaml, 2, "two", "pretrain/loss"), 2e-4);
}

// One prepares at first while the other trains, and both step networks of their own.
TEST_F(GangTrainingTest, TwoRanksTrainTasksWithAdversariesAsOneWithTwoGroups) {
  const std::string yaml = Pretrain("{inpainting: {adversarial_share: 0.1}}, {spot_artifacts: {width: 4}}",
                                    "backbone: {name: resnet10_narrow, bn_groups: 2}");
  ExpectNear(Run(yaml, 1, "one", "pretrain/loss"), Run(yaml, 2, "two", "pretrain/loss"), 2e-3);
}

TEST_F(GangTrainingTest, TwoMicroBatchesOfOneGroupPretrainAsOneBatchOfTwo) {
  const auto whole = Run(Pretrain("{rotation: {}}", "backbone: {name: resnet10_narrow, bn_groups: 2}"), 1,
                         "whole", "pretrain/loss");
  const auto parts =
      Run(Pretrain("{rotation: {}}", "backbone: {name: resnet10_narrow, bn_groups: 1}, accumulation: 2"), 1,
          "parts", "pretrain/loss");
  ExpectNear(whole, parts, 1e-4);
}

TEST_F(GangTrainingTest, TwoRanksCompareCopiesAsOneWithTwoGroups) {
  const std::string yaml =
      Pretrain("{moco: {queue_length: 32}}, {weight: 0.5, rotation: {}}",
               "backbone: {name: resnet10_narrow, bn_groups: 2}, weighting: UNCERTAINTY, consistency: {pair: "
               "TWO_COPIES, feature_measure: INFO_NCE, ramp_share: 0, taps: {layer2: 1, projection: 1}}");
  ExpectNear(Run(yaml, 1, "one", "pretrain/loss"), Run(yaml, 2, "two", "pretrain/loss"), 3e-3);
}

TEST_F(GangTrainingTest, TwoMicroBatchesCompareCopiesAsOneBatchOfTwoGroups) {
  const std::string consistency =
      "consistency: {turn: FLIP, feature_measure: MSE, ramp_share: 0, taps: {layer2: 1, projection: 1}}";
  const auto whole =
      Run(Pretrain("{jigsaw: {}}",
                   absl::StrCat("backbone: {name: resnet10_narrow, bn_groups: 2}, ", consistency)),
          1, "whole", "pretrain/loss");
  const auto parts = Run(
      Pretrain(
          "{jigsaw: {}}",
          absl::StrCat("backbone: {name: resnet10_narrow, bn_groups: 1}, accumulation: 2, ", consistency)),
      1, "parts", "pretrain/loss");
  ExpectNear(whole, parts, 2e-4);
}

constexpr char kFinetune[] = R"(
data: {images: DATA, labels: LABELS}
stages:
- finetune:
    backbone: {name: resnet10_narrow, bn_groups: 2}
    init: {random: {}}
    batch_size: 16
    precision: FP32
    max_steps: 4
    learning_rate: 1e-3
)";

TEST_F(GangTrainingTest, TwoRanksFinetuneAsOneWithTwoGroups) {
  ExpectNear(Run(kFinetune, 1, "one", "finetune/loss"), Run(kFinetune, 2, "two", "finetune/loss"), 5e-4);
}

// Whichever annealing keeps on which rank.
TEST_F(GangTrainingTest, TwoRanksLearnFromUnlabelledPicturesAsOneWithTwoGroups) {
  const std::string yaml =
      absl::StrCat(kFinetune, "    unlabelled: {ratio: 2, confidence: 0.3, annealing: EXPONENTIAL}\n");
  const auto one = Run(yaml, 1, "one", "finetune/loss");
  ExpectNear(one, Run(yaml, 2, "two", "finetune/loss"), 5e-4);
  EXPECT_NE(one, Run(kFinetune, 1, "without", "finetune/loss"));
}

TEST_F(GangTrainingTest, TwoRanksJudgeAllTestPicturesTogether) {
  const std::string yaml = R"(
data: {images: DATA, labels: LABELS}
stages:
- evaluate:
    test: {images: TEST, labels: TEST_LABELS}
    backbone: {name: resnet10_narrow}
    init: {random: {}}
    knn: {neighbours: 5}
    linear: {}
)";
  const auto one = Run(yaml, 1, "one", "evaluate/knn_top1");
  EXPECT_EQ(one.size(), 1);
  ExpectNear(one, Run(yaml, 2, "two", "evaluate/knn_top1"), 1e-9);
}

TEST_F(GangTrainingTest, AllRanksStopAfterTheSameStepAndGoOnBitForBit) {
  const std::string yaml = Pretrain("{moco: {queue_length: 32}}", "backbone: {name: resnet10_narrow}");
  Run(yaml, 2, "straight", "pretrain/loss");
  const v1::JobSpec spec = jobs_.Spec(yaml, "stopped");
  RunGang(2, [&](ProcessGroup& group) {
    RecordingReporter reporter;
    if (group.rank() == 1) reporter.RequestStop();
    EXPECT_THAT(ToyJobs::Run(spec, &reporter, &group), StatusIs(absl::StatusCode::kCancelled));
  });
  RunGang(2, [&](ProcessGroup& group) {
    RecordingReporter reporter;
    ASSERT_OK(ToyJobs::Run(spec, &reporter, &group, /*attempt=*/2));
    if (group.rank() == 0) EXPECT_EQ(reporter.begins().at(0).step, 1);
  });
  EXPECT_TRUE(BytesOf(jobs_.path("stopped/exported/pretrain.safetensors")) ==
              BytesOf(jobs_.path("straight/exported/pretrain.safetensors")));
}

}  // namespace
}  // namespace pretext
