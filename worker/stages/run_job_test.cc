#include "worker/stages/run_job.h"

#include <filesystem>
#include <set>

#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "proto/cpp/status_matchers.h"
#include "worker/models/safetensors.h"
#include "worker/models/weights.h"
#include "worker/stages/toy_job.h"

namespace pretext {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kPretrain[] = R"(
data: {images: DATA}
stages:
- pretrain:
    backbone: {name: resnet10_narrow}
    tasks: [{moco: {queue_length: 32}}]
    batch_size: 16
    max_steps: 6
)";

constexpr char kThreeTasks[] = R"(
data: {images: DATA}
stages:
- pretrain:
    backbone: {name: resnet10_narrow}
    tasks: [{moco: {queue_length: 32}}, {weight: 0.5, rotation: {}}, {weight: 0.3, colorization: {}}]
    batch_size: 16
    max_steps: 8
    optimizer: {clip_norm: 5}
)";

constexpr char kFinetune[] = R"(
data: {images: DATA, labels: LABELS}
stages:
- finetune:
    test: {images: TEST, labels: TEST_LABELS}
    backbone: {name: resnet10_narrow}
    init: {random: {}}
    batch_size: 16
    max_steps: 8
)";

TEST(RunJobTest, PretrainsAndLeavesWeightsMetricsAndTheResolvedSpec) {
  const ToyJobs jobs("run_job");
  const v1::JobSpec spec = jobs.Spec(kPretrain, "out");
  RecordingReporter reporter;
  ASSERT_OK(ToyJobs::Run(spec, &reporter));
  EXPECT_THAT(reporter.finished_stages(), ElementsAre("pretrain"));

  ASSERT_OK_AND_ASSIGN(const SafetensorsFile weights,
                       ReadSafetensors(jobs.path("out/exported/backbone.safetensors")));
  ASSERT_OK_AND_ASSIGN(const WeightsCard card, ParseWeightsCard(weights.metadata));
  EXPECT_EQ(card.backbone.name, "resnet10_narrow");
  EXPECT_TRUE(card.backbone.small_stem);
  EXPECT_EQ(card.image_size, 16);
  EXPECT_EQ(card.task, "moco");
  EXPECT_EQ(BytesOf(jobs.path("out/exported/backbone.safetensors")),
            BytesOf(jobs.path("out/exported/pretrain.safetensors")));

  EXPECT_EQ(reporter.Values("pretrain/loss").size(), 6);
  EXPECT_EQ(reporter.Values("pretrain/loss").begin()->first, 1);
  for (const char* metric :
       {"moco_loss", "moco_accuracy", "learning_rate", "gradient_norm", "images_per_second",
        "data_wait_share", "feature_spread", "chance_loss", "peak_memory_bytes"}) {
    EXPECT_EQ(reporter.Values(absl::StrCat("pretrain/", metric)).size(), 6) << metric;
  }
  EXPECT_THAT(BytesOf(jobs.path("out/job.yaml")),
              AllOf(HasSubstr("image_size: 16"), HasSubstr("# from the data: 16 x 16 pictures"),
                    HasSubstr("# given"), HasSubstr("# default")));
  const v1::Progress last = reporter.progress().back();
  EXPECT_EQ(last.step(), 6);
  EXPECT_EQ(last.steps(), 6);
  EXPECT_EQ(last.metrics().count("pretrain/loss"), 1);
}

TEST(RunJobTest, DoesNotRunAFinishedJobAgain) {
  const ToyJobs jobs("run_job");
  const v1::JobSpec spec = jobs.Spec(kPretrain, "out");
  RecordingReporter first, second;
  ASSERT_OK(ToyJobs::Run(spec, &first));
  ASSERT_OK(ToyJobs::Run(spec, &second, nullptr, /*attempt=*/2));
  EXPECT_TRUE(second.points().empty());
  EXPECT_THAT(second.finished_stages(), ElementsAre("pretrain"));
}

TEST(RunJobTest, FinetunesJudgesAndExportsTheClassifier) {
  const ToyJobs jobs("run_job");
  RecordingReporter reporter;
  ASSERT_OK(ToyJobs::Run(jobs.Spec(kFinetune, "out"), &reporter));
  EXPECT_EQ(reporter.Values("finetune/test_accuracy").size(), 1);
  EXPECT_GT(reporter.Values("finetune/test_accuracy").begin()->second, 0.4);
  EXPECT_EQ(reporter.Values("finetune/loss").size(), 6 + 8);
  ASSERT_OK_AND_ASSIGN(const SafetensorsFile weights,
                       ReadSafetensors(jobs.path("out/exported/finetune.safetensors")));
  EXPECT_EQ(weights.tensors.count("head.8.weight"), 1);
  EXPECT_EQ(weights.metadata.at("pretext.classes"), R"(["0","1","2"])");
  const auto result = nlohmann::json::parse(BytesOf(jobs.path("out/results/finetune.json")));
  EXPECT_EQ(result["labels"]["pictures"], 96);
  EXPECT_EQ(result["labels"]["digest"].get<std::string>().size(), 64);
  EXPECT_EQ(result["test"]["pictures"], 30);
}

TEST(RunJobTest, EvaluatesFeaturesOfAnEarlierStageWithChanceBesideThem) {
  const ToyJobs jobs("run_job");
  RecordingReporter reporter;
  ASSERT_OK(ToyJobs::Run(jobs.Spec(absl::StrCat(kPretrain, R"(
- evaluate:
    data: {images: DATA, labels: LABELS}
    knn: {neighbours: 5}
    linear: {}
)"),
                                   "out"),
                         &reporter));
  EXPECT_GT(reporter.Values("evaluate/knn_top1")[0], 0.5);
  EXPECT_GT(reporter.Values("evaluate/linear_top1")[0], 0.5);
  EXPECT_NEAR(reporter.Values("evaluate/chance_accuracy")[0], 1.0 / 3, 1e-6);
  const auto result = nlohmann::json::parse(BytesOf(jobs.path("out/results/evaluate.json")));
  EXPECT_EQ(result["labels"]["pictures"], 96 - 18);  // a fifth of 32 is 6
}

TEST(RunJobTest, WeightsWithoutTheFirstConvolutionAreWarnedAbout) {
  const ToyJobs jobs("run_job");
  RecordingReporter pretrained;
  ASSERT_OK(ToyJobs::Run(jobs.Spec(kPretrain, "pretrained"), &pretrained));
  ASSERT_OK_AND_ASSIGN(SafetensorsFile weights,
                       ReadSafetensors(jobs.path("pretrained/exported/backbone.safetensors")));
  weights.tensors.erase("conv1.weight");
  ASSERT_OK(WriteSafetensors(jobs.path("headless.safetensors"), weights.tensors, weights.metadata));
  RecordingReporter reporter;
  ASSERT_OK(ToyJobs::Run(
      jobs.Spec(absl::StrCat("{data: {images: DATA, labels: LABELS}, stages: [{evaluate: ", "{init: {file: ",
                             jobs.path("headless.safetensors"), "}, knn: {}}}]}"),
                "out"),
      &reporter));
  std::vector<std::string> warnings;
  for (const RecordingReporter::Line& line : reporter.lines()) {
    if (line.severity == v1::LogLine::WARNING) warnings.push_back(line.text);
  }
  EXPECT_THAT(warnings, ::testing::Contains(::testing::HasSubstr("1 missing (conv1.weight)")));
}

TEST(RunJobTest, AScoreCarriesTheSeedAndWhatItsLabelsWere) {
  const ToyJobs jobs("run_job");
  RecordingReporter reporter;
  ASSERT_OK(ToyJobs::Run(jobs.Spec(R"(
seed: 7
data: {images: DATA, labels: LABELS, labels_per_class: 20, label_draw: 3}
stages:
- evaluate:
    backbone: {name: resnet10_narrow}
    init: {random: {}}
    knn: {neighbours: 5}
- finetune:
    test: {images: TEST, labels: TEST_LABELS}
    backbone: {name: resnet10_narrow}
    init: {random: {}}
    batch_size: 16
    max_steps: 1
)",
                                   "out"),
                         &reporter));
  const auto held_out = nlohmann::json::parse(BytesOf(jobs.path("out/results/evaluate.json")));
  EXPECT_EQ(held_out["seed"], 7);
  EXPECT_EQ(held_out["labels"]["pictures_per_class"], nlohmann::json({16, 16, 16}));
  EXPECT_EQ(held_out["labels"]["labels_per_class"], 20);
  EXPECT_EQ(held_out["labels"]["label_draw"], 3);
  EXPECT_EQ(held_out["labels"]["classes"], nlohmann::json({"0", "1", "2"}));
  EXPECT_EQ(held_out["test_labels"]["pictures_per_class"], nlohmann::json({4, 4, 4}));
  EXPECT_EQ(held_out["test_labels"]["digest"], held_out["labels"]["digest"]);

  const auto tested = nlohmann::json::parse(BytesOf(jobs.path("out/results/finetune.json")));
  EXPECT_EQ(tested["seed"], 7);
  EXPECT_EQ(tested["labels"]["pictures_per_class"], nlohmann::json({20, 20, 20}));
  EXPECT_EQ(tested["labels"]["digest"], held_out["labels"]["digest"]);
  EXPECT_EQ(tested["test_labels"]["pictures_per_class"], nlohmann::json({10, 10, 10}));
  EXPECT_EQ(tested["test_labels"]["labels_per_class"], 0);
  EXPECT_NE(tested["test_labels"]["digest"], held_out["labels"]["digest"]);
}

// Labels without meaning, so that the accuracy on a held-out fifth is that of its draw.
TEST(RunJobTest, TheLinearProbeHoldsOutByTheSeedOfTheJob) {
  const ToyJobs jobs("run_job");
  RecordingReporter pretrained;
  ASSERT_OK(ToyJobs::Run(jobs.Spec(kPretrain, "pretrained"), &pretrained));
  std::vector<uint8_t> labels;
  for (int i = 0; i < 96; ++i) labels.push_back(static_cast<uint8_t>(i / 3 % 3));
  WriteIdx(jobs.path("meaningless"), {96}, labels);
  std::set<double> accuracies;
  for (int seed = 0; seed < 4; ++seed) {
    const std::string output = absl::StrCat("out-", seed);
    RecordingReporter reporter;
    ASSERT_OK(ToyJobs::Run(
        jobs.Spec(absl::StrCat("{seed: ", seed, ", data: {images: DATA, labels: ", jobs.path("meaningless"),
                               "}, stages: [{evaluate: {init: {file: ", jobs.path("pretrained"),
                               "}, linear: {}}}]}"),
                  output),
        &reporter));
    const auto result = nlohmann::json::parse(BytesOf(jobs.path(output + "/results/evaluate.json")));
    accuracies.insert(result["linear"]["held_out_accuracy"].get<double>());
  }
  EXPECT_GT(accuracies.size(), 1);
}

// The rest of the stage after an interruption equals that of an undisturbed run, bit for bit.
void ExpectResumesExactly(const ToyJobs& jobs, const char* yaml, const std::string& stage, int64_t steps,
                          const std::vector<int64_t>& stops) {
  RecordingReporter straight;
  ASSERT_OK(ToyJobs::Run(jobs.Spec(yaml, "straight"), &straight));
  const std::string file = absl::StrCat("/exported/", stage, ".safetensors");
  const std::string expected = BytesOf(jobs.path("straight" + file));
  for (const int64_t stop : stops) {
    const std::string output = absl::StrCat("stopped-", stop);
    const v1::JobSpec spec = jobs.Spec(yaml, output);
    RecordingReporter first, second;
    first.StopAtStep(stop);
    ASSERT_THAT(ToyJobs::Run(spec, &first), StatusIs(absl::StatusCode::kCancelled));
    ASSERT_OK(ToyJobs::Run(spec, &second, nullptr, /*attempt=*/2));
    EXPECT_GT(second.begins().at(0).step, stop - 1);
    EXPECT_TRUE(BytesOf(jobs.path(output + file)) == expected) << "stopped after step " << stop;
    for (const char* metric : {"loss", "gradient_norm", "feature_spread", "learning_rate"}) {
      std::map<int64_t, double> values = first.Values(absl::StrCat(stage, "/", metric));
      for (const auto& [step, value] : second.Values(absl::StrCat(stage, "/", metric))) {
        EXPECT_EQ(values.count(step), 0) << metric << " of step " << step << " twice";
        values[step] = value;
      }
      EXPECT_EQ(values, straight.Values(absl::StrCat(stage, "/", metric))) << metric;
      EXPECT_EQ(values.size(), steps) << metric;
    }
  }
}

TEST(RunJobTest, ResumesPretrainingOnThreeTasksBitForBit) {
  ExpectResumesExactly(ToyJobs("run_job"), kThreeTasks, "pretrain", 8, {1, 4, 6});
}

// In the frozen phase, at its end, and after it.
TEST(RunJobTest, ResumesFinetuningBitForBit) {
  ExpectResumesExactly(ToyJobs("run_job"), kFinetune, "finetune", 6 + 8, {2, 5, 9});
}

}  // namespace
}  // namespace pretext
