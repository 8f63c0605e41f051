#include "proto/cpp/spec_parsing.h"

#include <random>

#include "absl/strings/str_cat.h"
#include "proto/cpp/spec_writing.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kJob[] = R"(name: xray
data: {images: /data/xray}
stages:
- pretrain:
    backbone: {name: resnet18}
    tasks:
    - moco: {queue_length: 65536}
    - {weight: 0.3, rotation: {}}
    - colorization:
    epochs: 100
    batch_size: 256
- name: few
  finetune:
    data: {images: /data/labelled, labels: folders}
    classify: {}
    recipe: linear_probe
    freeze_bn: true
- evaluate: {knn: {}, linear: {penalties: [1e-3, 0.1]}}
resources: {world_size: 8, device: gpu}
priority: -10
labels: {team: vision}
)";

// "line:column path: message" of each fault.
std::vector<std::string> Faults(absl::string_view text) {
  std::vector<std::string> faults;
  for (const SpecFault& fault : ParseSpec(text).faults) {
    faults.push_back(
        absl::StrCat(fault.place.line, ":", fault.place.column, " ", fault.path, ": ", fault.message));
  }
  return faults;
}

TEST(ParseSpecTest, ReadsEveryFormOfTheDocumentedExample) {
  const ParsedSpec parsed = ParseSpec(kJob);
  EXPECT_THAT(Faults(kJob), IsEmpty());
  const v1::JobSpec& spec = parsed.spec;
  EXPECT_EQ(spec.name(), "xray");
  EXPECT_EQ(spec.data().images(), "/data/xray");
  ASSERT_EQ(spec.stages_size(), 3);
  const v1::PretrainStage& pretrain = spec.stages(0).pretrain();
  ASSERT_EQ(pretrain.tasks_size(), 3);
  EXPECT_EQ(pretrain.tasks(0).moco().queue_length(), 65536);
  EXPECT_TRUE(pretrain.tasks(1).has_rotation());
  EXPECT_EQ(pretrain.tasks(1).weight(), 0.3);
  EXPECT_TRUE(pretrain.tasks(2).has_colorization());
  EXPECT_EQ(spec.stages(1).name(), "few");
  EXPECT_EQ(spec.stages(1).finetune().recipe(), v1::FinetuneStage::LINEAR_PROBE);
  EXPECT_TRUE(spec.stages(1).finetune().freeze_bn());
  EXPECT_TRUE(spec.stages(2).evaluate().has_knn());
  EXPECT_THAT(spec.stages(2).evaluate().linear().penalties(), ElementsAre(1e-3, 0.1));
  EXPECT_EQ(spec.resources().device(), v1::Resources::GPU);
  EXPECT_EQ(spec.priority(), -10);
  EXPECT_EQ(spec.labels().at("team"), "vision");
}

TEST(ParseSpecTest, KnowsWhereEachFieldStands) {
  const SourceMap places = ParseSpec(kJob).places;
  EXPECT_EQ(places.Find("stages[0].pretrain.tasks[0].moco.queue_length").line, 7);
  EXPECT_EQ(places.Find("stages[0].pretrain.tasks[0].moco.queue_length").column, 14);
  EXPECT_EQ(places.Find("stages[0].pretrain.tasks[1].weight").line, 8);
  EXPECT_EQ(places.Find("stages[1]").line, 12);
  EXPECT_EQ(places.Find("resources.world_size").line, 19);
  EXPECT_EQ(places.Find("labels.team").line, 21);
}

TEST(ParseSpecTest, AFieldThatIsNotThereStandsWhereItsMessageDoes) {
  const SourceMap places = ParseSpec(kJob).places;
  EXPECT_EQ(places.Find("stages[0].pretrain.tasks[0].moco.temperature").line, 7);
  EXPECT_EQ(places.Find("checkpoints.keep").line, 0);
}

TEST(ParseSpecTest, ReportsAllFaultsAtOnceWithLineColumnAndTheNearestName) {
  EXPECT_THAT(
      Faults(R"(name: five
data: {imges: /data/pictures}
stages:
- pretrain:
    tasks:
    - moco: {temprature: 0.2}
    epochs: many
    epochs: 3
    schedule: {kind: constnt}
  finetune: {}
resources: [1, 2]
)"),
      ElementsAre("2:8 data.imges: unknown key 'imges'; did you mean images?",
                  "6:14 stages[0].pretrain.tasks[0].moco.temprature: unknown key 'temprature'; did you mean "
                  "temperature?",
                  "7:5 stages[0].pretrain.epochs: epochs must be a whole number, not 'many'",
                  "8:5 stages[0].pretrain.epochs: 'epochs' is given twice",
                  "9:16 stages[0].pretrain.schedule.kind: kind must be one of WARMUP_COSINE, ONE_CYCLE, "
                  "CONSTANT, not 'constnt'; did you mean CONSTANT?",
                  "10:3 stages[0].finetune: gives both pretrain and finetune; only one of them can be",
                  "11:1 resources: must be a map with keys among world_size, device, threads, data_threads, "
                  "not a list"));
}

TEST(ParseSpecTest, EachTypeSaysWhatItWants) {
  EXPECT_THAT(Faults("seed: -1"), ElementsAre("1:1 seed: seed must be a whole number, 0 or more, not '-1'"));
  EXPECT_THAT(Faults("priority: 3000000000"), ElementsAre(HasSubstr("must be a whole number")));
  EXPECT_THAT(Faults("data: {max_broken_share: nan}"), ElementsAre(HasSubstr("must be a number, not 'nan'")));
  EXPECT_THAT(Faults("name: [a]"), ElementsAre("1:1 name: name must be a text, not a list"));
  EXPECT_THAT(Faults("stages: {pretrain: {}}"), ElementsAre(HasSubstr("must be a list")));
  EXPECT_THAT(Faults("stages: [{finetune: {freeze_bn: maybe}}]"),
              ElementsAre(HasSubstr("must be true or false")));
  EXPECT_THAT(Faults("just words"),
              ElementsAre(HasSubstr("must be a map with keys among name, data, stages")));
  EXPECT_THAT(Faults("resources: {device: DEVICE_UNSPECIFIED}"), ElementsAre(HasSubstr("one of CPU, GPU")));
}

TEST(ParseSpecTest, BrokenYamlIsReportedWithItsPlace) {
  EXPECT_THAT(Faults("name: a\ndata: {images: /x\nstages: []\n"), ElementsAre(HasSubstr("is not YAML")));
  EXPECT_THAT(Faults(""), ElementsAre(HasSubstr("is empty")));
  EXPECT_THAT(Faults("name: a\n---\nname: b\n"), ElementsAre(HasSubstr("more than one document")));
  EXPECT_THAT(Faults(std::string(2 << 20, ' ')), ElementsAre(HasSubstr("bytes long")));
}

TEST(ParseSpecTest, ReadsJsonToo) {
  const ParsedSpec parsed = ParseSpec(
      "{\"name\": \"a\", \"seed\": \"7\", \"stages\": [{\"evaluate\": {\"knn\": {\"neighbours\": 5}}}]}");
  EXPECT_THAT(parsed.faults, IsEmpty());
  EXPECT_EQ(parsed.spec.seed(), 7);
  EXPECT_EQ(parsed.spec.stages(0).evaluate().knn().neighbours(), 5);
}

TEST(ParseSpecTest, AnchorsAreFollowed) {
  const ParsedSpec parsed =
      ParseSpec("data: &d {images: /a}\nstages:\n- finetune: {data: *d}\n- evaluate: {data: *d}\n");
  EXPECT_THAT(parsed.faults, IsEmpty());
  EXPECT_EQ(parsed.spec.stages(1).evaluate().data().images(), "/a");
  EXPECT_EQ(parsed.places.Find("stages[1].evaluate.data").line, 4);
}

TEST(SetFieldTest, SetsDeepFieldsListsMessagesAndMaps) {
  v1::JobSpec spec = ParseSpec(kJob).spec;
  ASSERT_OK(SetField("stages[0].pretrain.backbone.stem=SMALL", &spec));
  EXPECT_EQ(spec.stages(0).pretrain().backbone().stem(), v1::BackboneSpec::SMALL);
  EXPECT_EQ(spec.stages(0).pretrain().backbone().name(), "resnet18");
  ASSERT_OK(SetField("stages[2].evaluate.linear.penalties=[1]", &spec));
  EXPECT_THAT(spec.stages(2).evaluate().linear().penalties(), ElementsAre(1));
  ASSERT_OK(SetField("stages[0].pretrain.tasks[3]={weight: 2, rotation: {}}", &spec));
  EXPECT_EQ(spec.stages(0).pretrain().tasks(3).weight(), 2);
  ASSERT_OK(SetField("labels.team=a=b", &spec));
  EXPECT_EQ(spec.labels().at("team"), "a=b");
  ASSERT_OK(SetField("max_restarts=0", &spec));
  EXPECT_EQ(spec.max_restarts(), 0);
}

TEST(SetFieldTest, SaysWhichPartIsWrong) {
  v1::JobSpec spec = ParseSpec(kJob).spec;
  const auto expect_fault = [&](const char* assignment, const char* want) {
    EXPECT_THAT(SetField(assignment, &spec), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(want)));
  };
  expect_fault("epochs", "PATH=VALUE");
  expect_fault("stages[0].pretrain.epcohs=5", "did you mean epochs?");
  expect_fault("stages[0].pretrain.epochs=five", "whole number");
  expect_fault("stages[9].name=x", "no [9]");
  expect_fault("stages.name=x", "say which, stages[0]");
  expect_fault("name.x=1", "has no fields");
  expect_fault("stages[x].name=1", "not a field name");
  expect_fault("data={imags: /x}", "did you mean images?");
  expect_fault("name={", "is not YAML");
}

TEST(ParseSpecTest, RefusesAliasesThatExpandWithoutEnd) {
  std::string text = "data: {images: /d}\nstages:\n- &s {pretrain: {tasks: [&t {rotation: {}}";
  for (int i = 0; i < 1000; ++i) text += ", *t";
  text += "]}}\n";
  for (int i = 0; i < 1000; ++i) text += "- *s\n";
  EXPECT_THAT(Faults(text), ElementsAre(HasSubstr("more than 50000 values")));
  std::string unknown = "stages:\n- &s {";
  for (int i = 0; i < 1000; ++i) unknown += absl::StrCat("x", i, ": 1, ");
  unknown += "}\n";
  for (int i = 0; i < 1000; ++i) unknown += "- *s\n";
  EXPECT_LT(Faults(unknown).size(), 60'000);
}

TEST(ParseSpecTest, RefusesATextThatIsNotUtf8) {
  EXPECT_THAT(Faults("name: caf\xe9"), ElementsAre(HasSubstr("is not UTF-8")));
}

// Seeded: the texts are the same on every run. A crash or a throw fails the test.
TEST(ParseSpecFuzzTest, NoTextCrashesTheParser) {
  std::mt19937 random(20240117);
  const std::string seed_text = kJob;
  const std::string alphabet = "{}[]:,-&*!|>'\"#%@`?~<=\n\t 0aZ\\\0\xff";
  for (int round = 0; round < 3000; ++round) {
    std::string text = seed_text;
    const int changes = 1 + random() % 8;
    for (int i = 0; i < changes; ++i) {
      const size_t at = random() % (text.size() + 1);
      switch (random() % 4) {
        case 0:
          text.insert(at, 1, alphabet[random() % alphabet.size()]);
          break;
        case 1:
          text.erase(at, random() % 20);
          break;
        case 2:
          text.insert(at, text.substr(random() % (text.size() + 1), random() % 60));
          break;
        default:
          if (at < text.size()) text[at] = static_cast<char>(random());
      }
    }
    const ParsedSpec parsed = ParseSpec(text);
    for (const SpecFault& fault : parsed.faults) EXPECT_FALSE(fault.message.empty());
    v1::JobSpec spec = parsed.spec;
    SetField(text.substr(0, 40), &spec).IgnoreError();
  }
  for (int round = 0; round < 2000; ++round) {
    std::string text(random() % 200, ' ');
    for (char& c : text) c = alphabet[random() % alphabet.size()];
    ParseSpec(text);
  }
}

TEST(ParseSpecFuzzTest, DeepNestingIsRefused) {
  EXPECT_THAT(Faults(std::string(100000, '[')), testing::Not(IsEmpty()));
  std::string nested;
  for (int i = 0; i < 3000; ++i) nested += "{a: ";
  EXPECT_THAT(Faults(nested), testing::Not(IsEmpty()));
}

}  // namespace
}  // namespace pretext
