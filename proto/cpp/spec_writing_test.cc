#include "proto/cpp/spec_writing.h"

#include "proto/cpp/defaults.h"
#include "proto/cpp/spec_parsing.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

v1::JobSpec Parse(absl::string_view text) {
  const ParsedSpec parsed = ParseSpec(text);
  EXPECT_THAT(parsed.faults, IsEmpty());
  return parsed.spec;
}

TEST(SpecToYamlTest, WritesEachValueWithItsOrigin) {
  const v1::JobSpec given = Parse(R"(
name: xray
data: {images: "/data/x ray"}
stages:
- evaluate: {knn: {neighbours: 5}, init: {random: {}}}
labels: {b: "1", a: yes it is}
)");
  v1::JobSpec resolved = given;
  resolved.mutable_stages(0)->set_name("evaluate");
  resolved.mutable_stages(0)->mutable_evaluate()->mutable_knn()->set_temperature(0.07);
  resolved.mutable_stages(0)->mutable_evaluate()->set_image_size(28);
  Origins origins = FindOrigins(given, resolved);
  origins["stages[0].evaluate.image_size"] = "from the data: 28 x 28 pictures";
  EXPECT_EQ(SpecToYaml(resolved, origins), R"(name: xray                                      # given
data:
  images: "/data/x ray"                         # given
stages:
- name: evaluate                                # default
  evaluate:
    knn:
      neighbours: 5                             # given
      temperature: 0.07                         # default
    image_size: 28                              # from the data: 28 x 28 pictures
    init:
      random: {}                                # given
labels:
  a: "yes it is"                                # given
  b: "1"                                        # given
)");
}

TEST(SpecToYamlTest, ReadsBackToAnEqualSpec) {
  v1::JobSpec spec = Parse(R"(
name: "true"
data: {images: /a, cache_bytes: 0, label_draw: 18446744073709551615}
stages:
- pretrain:
    tasks: [{moco: {version: v1}}, {weight: 0.30000000000000004, rotation: {}}, {weight: 0, colorization: {}}]
    optimizer: {learning_rate: 1e-05}
- finetune: {data: {images: "tab\there, \"quoted\" \\ and é", labels: folders}}
- {evaluate: {linear: {penalties: [1e-4, 1]}, knn: {}}}
labels: {k: "x: y # z"}
)");
  for (int round = 0; round < 2; ++round) {
    const std::string text = SpecToYaml(spec, FindOrigins(spec, spec));
    EXPECT_EQ(Parse(text).DebugString(), spec.DebugString()) << text;
    ApplyDefaults(&spec);
  }
}

TEST(FindChangesTest, ListsWhatIsNewOrOther) {
  const v1::JobSpec before = Parse("{name: a, stages: [{pretrain: {epochs: 5}}]}");
  const v1::JobSpec after = Parse("{name: b, stages: [{pretrain: {epochs: 5, image_size: 32}}]}");
  EXPECT_THAT(FindChanges(before, after), ElementsAre("name", "stages[0].pretrain.image_size"));
}

TEST(RecallOriginsTest, TellsWhatDefaultsWouldFillInAgainFromWhatWasGiven) {
  v1::JobSpec spec = Parse(R"(
data: {images: /pictures}
stages:
- name: first
  pretrain: {tasks: [{moco: {temperature: 0.1}}, {weight: 0.5, rotation: {}}], epochs: 3, batch_size: 64}
- evaluate: {knn: {}}
)");
  ApplyDefaults(&spec);
  const Origins origins = RecallOrigins(spec);
  EXPECT_EQ(origins.at("data.images"), "given");
  EXPECT_EQ(origins.at("data.max_broken_share"), "default");
  EXPECT_EQ(origins.at("stages[0].name"), "given");
  EXPECT_EQ(origins.at("stages[1].name"), "default");
  EXPECT_EQ(origins.at("stages[0].pretrain.epochs"), "given");
  EXPECT_EQ(origins.at("stages[0].pretrain.optimizer.learning_rate"), "default");
  EXPECT_EQ(origins.at("stages[0].pretrain.tasks[0].moco.temperature"), "given");
  EXPECT_EQ(origins.at("stages[0].pretrain.tasks[0].weight"), "default");
  EXPECT_EQ(origins.at("stages[0].pretrain.tasks[1].weight"), "given");
  EXPECT_EQ(origins.at("stages[1].evaluate.init.stage"), "default");
}

}  // namespace
}  // namespace pretext
