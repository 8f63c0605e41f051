// What looks on while a stage pretrains, on whole jobs: the probe and the search for shortcuts.

#include <ATen/ops/equal.h>

#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "proto/cpp/status_matchers.h"
#include "worker/models/safetensors.h"
#include "worker/stages/toy_job.h"

namespace pretext {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;

std::string WithProbe(const std::string& more) {
  return absl::StrCat(kMocoJob, "    probe: {data: {images: DATA, labels: LABELS}, every_steps: 2", more,
                      "}\n");
}

TEST(PretrainProbeTest, ChangesNothingAboutTheTraining) {
  const ToyJobs jobs("observers");
  RecordingReporter without, with;
  ASSERT_OK(ToyJobs::Run(jobs.Spec(kMocoJob, "without"), &without));
  ASSERT_OK(ToyJobs::Run(jobs.Spec(WithProbe(""), "with"), &with));
  ASSERT_OK_AND_ASSIGN(const SafetensorsFile ours,
                       ReadSafetensors(jobs.path("with/exported/backbone.safetensors")));
  ASSERT_OK_AND_ASSIGN(const SafetensorsFile theirs,
                       ReadSafetensors(jobs.path("without/exported/backbone.safetensors")));
  ASSERT_EQ(ours.tensors.size(), theirs.tensors.size());
  for (const auto& [name, tensor] : ours.tensors)
    EXPECT_TRUE(at::equal(tensor, theirs.tensors.at(name))) << name;
  for (const char* metric : {"pretrain/loss", "pretrain/gradient_norm", "pretrain/feature_spread"}) {
    EXPECT_EQ(with.Values(metric), without.Values(metric)) << metric;
  }
}

TEST(PretrainProbeTest, DrawsTheCurveOfEachBlock) {
  const ToyJobs jobs("observers");
  RecordingReporter reporter;
  ASSERT_OK(ToyJobs::Run(jobs.Spec(WithProbe(""), "out"), &reporter));
  for (const char* metric : {"probe_knn", "probe_layer1", "probe_layer2", "probe_layer3", "probe_layer4"}) {
    const std::map<int64_t, double> values = reporter.Values(absl::StrCat("pretrain/", metric));
    EXPECT_THAT(values, ElementsAre(Key(2), Key(4), Key(6))) << metric;
    for (const auto& [step, accuracy] : values) EXPECT_LE(accuracy, 1) << metric;
  }
  EXPECT_GT(reporter.Values("pretrain/probe_layer1")[6], 0.6) << "colours tell the classes";
  EXPECT_NEAR(reporter.Values("pretrain/probe_chance")[2], 1.0 / 3, 1e-9);
  EXPECT_EQ(reporter.progress().back().metrics().count("pretrain/probe_layer3"), 1);
  const auto result = nlohmann::json::parse(BytesOf(jobs.path("out/results/pretrain.json")));
  EXPECT_EQ(result["probe"]["scored_pictures"], 30);  // a third of each 32
  EXPECT_EQ(result["last"].count("probe_knn"), 1);
  EXPECT_EQ(result["initial_weights"]["source"], "fresh random weights");
}

TEST(PretrainProbeTest, LooksAtFewPicturesAndTheLastBlockIfAsked) {
  const ToyJobs jobs("observers");
  RecordingReporter reporter;
  ASSERT_OK(ToyJobs::Run(jobs.Spec(WithProbe(", pictures: 30, each_block: false"), "out"), &reporter));
  EXPECT_THAT(reporter.Values("pretrain/probe_layer3"), IsEmpty());
  EXPECT_EQ(reporter.Values("pretrain/probe_layer4").size(), 3);
  const auto result = nlohmann::json::parse(BytesOf(jobs.path("out/results/pretrain.json")));
  EXPECT_EQ(result["probe"]["scored_pictures"], 10);
  EXPECT_EQ(result["probe"]["reference_pictures"], 20);
}

// A stop while a probe looks on leaves a checkpoint of that step, and the probe is made up for; at the last
// step too.
TEST(PretrainProbeTest, AStopLosesNoProbe) {
  const ToyJobs jobs("observers");
  RecordingReporter straight;
  ASSERT_OK(ToyJobs::Run(jobs.Spec(WithProbe(""), "straight"), &straight));
  for (const int64_t stop : {2, 3, 6}) {
    const v1::JobSpec spec = jobs.Spec(WithProbe(""), absl::StrCat("stopped-", stop));
    RecordingReporter first, second;
    first.StopAtStep(stop);
    ASSERT_THAT(ToyJobs::Run(spec, &first), StatusIs(absl::StatusCode::kCancelled));
    ASSERT_OK(ToyJobs::Run(spec, &second, nullptr, /*attempt=*/2));
    EXPECT_EQ(second.begins().at(0).step, stop + stop % 2) << "where the probe was stopped";
    for (const char* metric : {"pretrain/probe_knn", "pretrain/probe_layer2", "pretrain/probe_layer4"}) {
      std::map<int64_t, double> values = first.Values(metric);
      values.merge(second.Values(metric));
      EXPECT_EQ(values, straight.Values(metric)) << metric << ", stopped after step " << stop;
    }
    EXPECT_TRUE(BytesOf(jobs.path(absl::StrCat("stopped-", stop, "/exported/backbone.safetensors"))) ==
                BytesOf(jobs.path("straight/exported/backbone.safetensors")));
  }
}

TEST(PretrainProbeTest, LabelsOfASingleClassAreRefusedByName) {
  const ToyJobs jobs("observers");
  WriteIdx(jobs.path("same"), {96}, std::vector<uint8_t>(96, 0));
  RecordingReporter reporter;
  EXPECT_THAT(
      ToyJobs::Run(jobs.Spec(absl::StrCat(kMocoJob, "    probe: {data: {images: DATA, labels: ",
                                          jobs.path("same"), "}}\n"),
                             "out"),
                   &reporter),
      StatusIs(absl::StatusCode::kInvalidArgument, AllOf(HasSubstr("probe: "), HasSubstr("two or more"))));
}

// All toy pictures darken downwards, which tells how they were turned.
TEST(ShortcutCheckTest, PicturesWhosePixelsTellTheAnswerRaiseAnAlarm) {
  const ToyJobs jobs("observers");
  RecordingReporter reporter;
  ASSERT_OK(ToyJobs::Run(jobs.Spec(R"(
data: {images: DATA}
stages:
- pretrain:
    backbone: {name: resnet10_narrow}
    tasks: [{rotation: {}}, {moco: {queue_length: 32}}]
    batch_size: 16
    max_steps: 1
)",
                                   "out"),
                         &reporter));
  EXPECT_GT(reporter.Values("pretrain/rotation_pixel_probe")[0], 0.7);
  EXPECT_NEAR(reporter.Values("pretrain/rotation_pixel_probe_chance")[0], 0.25, 1e-9);
  EXPECT_THAT(reporter.Values("pretrain/moco_pixel_probe"), IsEmpty()) << "no classes, nothing to ask";
  ASSERT_EQ(reporter.alarms().size(), 1);
  const v1::Alarm alarm = reporter.alarms()[0];
  EXPECT_EQ(alarm.kind(), v1::Alarm::SHORTCUT);
  EXPECT_EQ(alarm.task(), "rotation");
  EXPECT_EQ(alarm.stage(), "pretrain");
  EXPECT_EQ(alarm.step(), 0);
  EXPECT_THAT(alarm.text(), HasSubstr("chance gives 25.0 %"));
  EXPECT_EQ(reporter.Values("pretrain/alarm_shortcut")[0], 1);
}

}  // namespace
}  // namespace pretext
