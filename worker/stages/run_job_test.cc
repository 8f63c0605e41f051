#include "worker/stages/run_job.h"

#include <ATen/ops/equal.h>

#include <filesystem>
#include <map>
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
  const v1::JobSpec spec = jobs.Spec(kMocoJob, "out");
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
  EXPECT_THAT(reporter.Values("pretrain/effective_rank"), ElementsAre(::testing::Key(1), ::testing::Key(6)));
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
  const v1::JobSpec spec = jobs.Spec(kMocoJob, "out");
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

std::string WithUnlabelled(const std::string& unlabelled) {
  return absl::StrCat(R"(
data: {images: DATA, labels: LABELS, labels_per_class: 8}
stages:
- finetune:
    backbone: {name: resnet10_narrow}
    init: {random: {}}
    batch_size: 12
    precision: FP32
    max_steps: 5
    unlabelled: )",
                      unlabelled, "\n");
}

TEST(RunJobTest, LearnsFromUnlabelledPicturesAndSaysFromWhich) {
  const ToyJobs jobs("run_job");
  RecordingReporter reporter;
  ASSERT_OK(ToyJobs::Run(jobs.Spec(WithUnlabelled("{ratio: 2, annealing: LINEAR}"), "out"), &reporter));
  for (const char* metric :
       {"labelled_loss", "unlabelled_loss", "confident_share", "copy_agreement", "kept_share"}) {
    EXPECT_EQ(reporter.Values(absl::StrCat("finetune/", metric)).size(), 1 + 5) << metric;
  }
  const auto result = nlohmann::json::parse(BytesOf(jobs.path("out/results/finetune.json")));
  // Of 96 pictures 24 keep their labels, one of each class of which is held out.
  EXPECT_EQ(result["unlabelled"]["pictures"], 93);
  EXPECT_EQ(result["unlabelled"]["method"], "UDA");
  EXPECT_EQ(result["unlabelled"]["protocol"],
            "93 pictures of the training data, all but the 3 to be judged by");
  std::vector<std::string> lines;
  for (const RecordingReporter::Line& line : reporter.lines()) lines.push_back(line.text);
  EXPECT_THAT(lines, ::testing::Contains(AllOf(HasSubstr("93 pictures"), HasSubstr("24 of them beside 12"))));
}

std::map<int64_t, double> LossesOf(const ToyJobs& jobs, const std::string& yaml, const std::string& output) {
  RecordingReporter reporter;
  EXPECT_OK(ToyJobs::Run(jobs.Spec(yaml, output), &reporter));
  return reporter.Values("finetune/loss");
}

TEST(RunJobTest, ReadsNoLabelOfUnlabelledPictures) {
  const ToyJobs jobs("run_job");
  const std::string labels[] = {"LABELS", "TEST_LABELS", jobs.path("not-there")};
  const auto plain = LossesOf(jobs, WithUnlabelled("{data: {images: TEST}, ratio: 2}"), "plain");
  EXPECT_EQ(plain.size(), 6);
  for (size_t i = 0; i < std::size(labels); ++i) {
    const std::string yaml =
        WithUnlabelled(absl::StrCat("{data: {images: TEST, labels: ", labels[i], "}, ratio: 2}"));
    EXPECT_EQ(LossesOf(jobs, yaml, absl::StrCat("labels-", i)), plain) << labels[i];
  }
}

// Nothing of them is even opened.
TEST(RunJobTest, UnlabelledPicturesOfWeightZeroChangeNothing) {
  const ToyJobs jobs("run_job");
  const std::string off = WithUnlabelled("{weight: 0, data: {images: /not/there}}");
  const std::string without = off.substr(0, off.find("    unlabelled:"));
  EXPECT_EQ(LossesOf(jobs, off, "off"), LossesOf(jobs, without, "without"));
  const SafetensorsFile one = *ReadSafetensors(jobs.path("off/exported/finetune.safetensors"));
  const SafetensorsFile other = *ReadSafetensors(jobs.path("without/exported/finetune.safetensors"));
  for (const auto& [name, tensor] : one.tensors) {
    EXPECT_TRUE(at::equal(tensor, other.tensors.at(name))) << name;
  }
}

TEST(RunJobTest, EvaluatesFeaturesOfAnEarlierStageAndOfEachBlockWithChanceBesideThem) {
  const ToyJobs jobs("run_job");
  RecordingReporter reporter;
  ASSERT_OK(ToyJobs::Run(jobs.Spec(absl::StrCat(kMocoJob, R"(
- evaluate:
    data: {images: DATA, labels: LABELS}
    knn: {neighbours: 5}
    linear: {each_block: true}
)"),
                                   "out"),
                         &reporter));
  EXPECT_GT(reporter.Values("evaluate/knn_top1")[0], 0.5);
  EXPECT_GT(reporter.Values("evaluate/linear_top1")[0], 0.5);
  // The last block's features are the backbone's.
  EXPECT_EQ(reporter.Values("evaluate/linear_layer4_top1")[0], reporter.Values("evaluate/linear_top1")[0]);
  EXPECT_GT(reporter.Values("evaluate/linear_layer1_top1")[0], 0.5);
  EXPECT_NEAR(reporter.Values("evaluate/chance_accuracy")[0], 1.0 / 3, 1e-6);
  const auto result = nlohmann::json::parse(BytesOf(jobs.path("out/results/evaluate.json")));
  EXPECT_EQ(result["labels"]["pictures"], 96 - 18);  // a fifth of 32 is 6
}

TEST(RunJobTest, WeightsWithoutTheFirstConvolutionAreWarnedAbout) {
  const ToyJobs jobs("run_job");
  RecordingReporter pretrained;
  ASSERT_OK(ToyJobs::Run(jobs.Spec(kMocoJob, "pretrained"), &pretrained));
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
  ASSERT_OK(ToyJobs::Run(jobs.Spec(kMocoJob, "pretrained"), &pretrained));
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

// The rest of the stage after an interruption equals that of an undisturbed run, bit for bit. The first
// `preparing` steps have a rate alone.
void ExpectResumesExactly(const ToyJobs& jobs, const std::string& yaml, const std::string& stage,
                          int64_t steps, const std::vector<int64_t>& stops, int64_t preparing = 0) {
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
      EXPECT_EQ(values.size(), steps - (metric == std::string("learning_rate") ? 0 : preparing)) << metric;
    }
  }
}

TEST(RunJobTest, ResumesPretrainingOnThreeTasksBitForBit) {
  ExpectResumesExactly(ToyJobs("run_job"), kThreeTasks, "pretrain", 8, {1, 4, 6});
}

constexpr char kConsistent[] = R"(
data: {images: DATA}
stages:
- pretrain:
    backbone: {name: resnet10_narrow}
    tasks: [{moco: {queue_length: 32}}, {weight: 0.5, jigsaw: {}}]
    consistency: {pair: TWO_COPIES, taps: {layer3: 0.5, projection: 1}}
    weighting: UNCERTAINTY
    batch_size: 16
    max_steps: 5
)";

TEST(RunJobTest, ResumesConsistentTrainingWithLearntWeightsBitForBit) {
  ExpectResumesExactly(ToyJobs("run_job"), kConsistent, "pretrain", 5, {2});
}

TEST(RunJobTest, ComparesCopiesAndShowsHowFarTheyAreApart) {
  const ToyJobs jobs("run_job");
  RecordingReporter reporter;
  ASSERT_OK(ToyJobs::Run(jobs.Spec(kConsistent, "out"), &reporter));
  for (const char* metric :
       {"consistency_loss", "consistency_weight", "consistency_predictions", "consistency_layer3",
        "consistency_projection", "consistency_spread", "prediction_agreement", "consistency_same_cosine",
        "consistency_other_cosine", "consistency_cosine_gap", "moco_log_variance", "jigsaw_log_variance"}) {
    EXPECT_EQ(reporter.Values(absl::StrCat("pretrain/", metric)).size(), 5) << metric;
  }
  EXPECT_THAT(
      BytesOf(jobs.path("out/job.yaml")),
      AllOf(HasSubstr("layer3: 0.5"), HasSubstr("weighting: UNCERTAINTY"), HasSubstr("blur_probability: 0")));
}

// Nothing is drawn, built or trained for it.
TEST(RunJobTest, ConsistencyOfWeightZeroTrainsExactlyAsWithout) {
  const ToyJobs jobs("run_job");
  const auto weights_of = [&](const std::string& consistency, const std::string& output) {
    RecordingReporter reporter;
    std::string yaml = kThreeTasks;
    yaml.replace(yaml.find("max_steps: 8"), 12, absl::StrCat("max_steps: 3\n    ", consistency));
    EXPECT_OK(ToyJobs::Run(jobs.Spec(yaml, output), &reporter));
    return ReadSafetensors(jobs.path(output + "/exported/pretrain.safetensors"))->tensors;
  };
  const auto without = weights_of("", "without");
  const auto zero = weights_of("consistency: {weight: 0}", "zero");
  const auto with = weights_of("consistency: {weight: 1}", "with");
  ASSERT_EQ(without.size(), zero.size());
  for (const auto& [name, tensor] : without) EXPECT_TRUE(at::equal(tensor, zero.at(name))) << name;
  EXPECT_FALSE(at::equal(without.at("conv1.weight"), with.at("conv1.weight")));
}

// The first three steps make ready what the loss needs.
std::string Preparing(const std::string& tasks) {
  return absl::StrCat(
      "data: {images: DATA}\nstages: [{pretrain: {tasks: [", tasks,
      "{spot_artifacts: {width: 4, preparing_share: 0.4}}], max_steps: 8, batch_size: 16, accumulation: 2, "
      "backbone: {name: resnet10_narrow}}}]");
}

TEST(RunJobTest, ResumesATaskThatPreparesBitForBit) {
  ExpectResumesExactly(ToyJobs("run_job"), Preparing(""), "pretrain", 8, {1, 3, 6}, /*preparing=*/3);
}

TEST(RunJobTest, ATaskPreparesWhileAnotherTrains) {
  const ToyJobs jobs("run_job");
  ExpectResumesExactly(jobs, Preparing("{inpainting: {adversarial_share: 0.1}}, "), "pretrain", 8, {2, 5});
  RecordingReporter reporter;
  ASSERT_OK(ToyJobs::Run(jobs.Spec(Preparing("{rotation: {}}, "), "out"), &reporter));
  EXPECT_EQ(reporter.Values("pretrain/loss").size(), 8);
  EXPECT_EQ(reporter.Values("pretrain/spot_artifacts_loss").begin()->first, 4);
  EXPECT_EQ(reporter.Values("pretrain/spot_artifacts_autoencoder_error").size(), 8);
}

// Nothing is trained in the first three steps but what the task steps by itself.
TEST(RunJobTest, TheBackboneRestsWhileItsOnlyTaskPrepares) {
  const ToyJobs jobs("run_job");
  RecordingReporter reporter;
  ASSERT_OK(ToyJobs::Run(jobs.Spec(Preparing(""), "out"), &reporter));
  const std::map<int64_t, double> rates = reporter.Values("pretrain/learning_rate");
  for (int64_t step = 1; step <= 3; ++step) EXPECT_EQ(rates.at(step), 0) << step;
  EXPECT_GT(rates.at(4), 0);
  EXPECT_EQ(reporter.Values("pretrain/loss").begin()->first, 4);
  EXPECT_EQ(reporter.progress().back().phase(), "training");
}

// In the frozen phase, at its end, and after it.
TEST(RunJobTest, ResumesFinetuningBitForBit) {
  ExpectResumesExactly(ToyJobs("run_job"), kFinetune, "finetune", 6 + 8, {2, 5, 9});
}

TEST(RunJobTest, ResumesFinetuningWithUnlabelledPicturesBitForBit) {
  ExpectResumesExactly(ToyJobs("run_job"),
                       WithUnlabelled("{method: FIXMATCH, confidence: 0.4, ratio: 2}").c_str(), "finetune",
                       1 + 5, {1, 3});
}

}  // namespace
}  // namespace pretext
