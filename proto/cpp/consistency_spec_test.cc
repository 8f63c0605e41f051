#include "proto/cpp/consistency_spec.h"

#include "proto/cpp/defaults.h"
#include "proto/cpp/spec_parsing.h"
#include "proto/cpp/spec_writing.h"
#include "proto/cpp/status_matchers.h"
#include "proto/cpp/validate.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;
using Spec = v1::ConsistencySpec;

ParsedSpec Parse(const std::string& tasks, const std::string& consistency, const std::string& rest = "") {
  return ParseSpec(absl::StrCat("data: {images: /d}\nstages:\n- pretrain:\n    tasks: [", tasks,
                                "]\n    consistency: ", consistency, "\n", rest));
}

v1::JobSpec Job(const std::string& tasks, const std::string& consistency, const std::string& rest = "") {
  ParsedSpec parsed = Parse(tasks, consistency, rest);
  EXPECT_THAT(parsed.faults, IsEmpty());
  ApplyDefaults(&parsed.spec);
  return parsed.spec;
}

Spec Defaults(const std::string& tasks, const std::string& consistency, const std::string& rest = "") {
  return Job(tasks, consistency, rest).stages(0).pretrain().consistency();
}

// Of the consistency alone, as "path: description".
std::vector<std::string> Faults(const std::string& tasks, const std::string& consistency,
                                const std::string& rest = "") {
  std::vector<std::string> faults;
  const FieldViolations violations = FindViolations(Job(tasks, consistency, rest));
  for (const FieldViolation& violation : violations.all()) {
    const std::string prefix = "stages[0].pretrain.consistency";
    EXPECT_EQ(violation.field.substr(0, prefix.size()), prefix) << violation.description;
    const std::string field =
        violation.field.size() > prefix.size() ? violation.field.substr(prefix.size() + 1) : "";
    faults.push_back(absl::StrCat(field, ": ", violation.description));
  }
  return faults;
}

TEST(ConsistencySpecTest, IsOffUnlessAskedFor) {
  ParsedSpec parsed = ParseSpec("{data: {images: /d}, stages: [{pretrain: {tasks: [{jigsaw: {}}]}}]}");
  ApplyDefaults(&parsed.spec);
  EXPECT_FALSE(parsed.spec.stages(0).pretrain().has_consistency());
  EXPECT_EQ(parsed.spec.stages(0).pretrain().weighting(), v1::PretrainStage::FIXED);
}

TEST(ConsistencySpecTest, HasTheDocumentedDefaults) {
  const Spec spec = Defaults("{jigsaw: {}}", "{}", "    image_size: 96");
  EXPECT_EQ(spec.weight(), 1);
  EXPECT_EQ(spec.pair(), Spec::ORIGINAL_AND_COPY);
  EXPECT_EQ(spec.predictions(), 1);
  EXPECT_EQ(spec.prediction_measure(), Spec::KL);
  EXPECT_THAT(spec.taps(), UnorderedElementsAre(Pair("projection", 1)));
  EXPECT_EQ(spec.feature_measure(), Spec::COSINE);
  EXPECT_EQ(spec.temperature(), 0.2);
  EXPECT_EQ(spec.ramp_share(), 0.2);
  EXPECT_EQ(spec.turn(), Spec::NONE);
  EXPECT_EQ(spec.augment().jitter_probability(), 0.8);
  EXPECT_EQ(spec.augment().hue(), 0.1);
  EXPECT_EQ(spec.augment().gray_probability(), 0.2);
  EXPECT_EQ(spec.augment().blur_probability(), 0.5);
  EXPECT_EQ(spec.augment().crop_scale_min(), 1);
  EXPECT_EQ(spec.augment().flip_probability(), 0);
  EXPECT_EQ(Defaults("{jigsaw: {}}", "{}", "    image_size: 64").augment().blur_probability(), 0);
  EXPECT_FALSE(Defaults("{jigsaw: {}}", "{}").augment().has_blur_probability());
}

TEST(ConsistencySpecTest, DefaultsFollowWhatTheTasksPredict) {
  EXPECT_EQ(Defaults("{autoencoder: {}}", "{}").prediction_measure(), Spec::MSE);
  EXPECT_EQ(Defaults("{autoencoder: {}}, {moco: {}}", "{}").prediction_measure(), Spec::KL);
  EXPECT_EQ(Defaults("{autoencoder: {}}, {weight: 0, moco: {}}", "{}").prediction_measure(), Spec::MSE);
  EXPECT_EQ(Defaults("{pirl: {}}", "{}").predictions(), 0);
  EXPECT_EQ(Defaults("{moco: {}}", "{turn: FLIP}").predictions(), 0);
}

TEST(ConsistencySpecTest, TapsAreAMapInYamlWithLines) {
  const Spec spec = Defaults("{jigsaw: {}}", "{weight: 1, taps: {layer4: 0.5, projection: 1}}");
  EXPECT_THAT(spec.taps(), UnorderedElementsAre(Pair("layer4", 0.5), Pair("projection", 1)));
  const ParsedSpec parsed = Parse("{jigsaw: {}}",
                                  "\n      taps:\n        layer4: much\n        layer3: 1\n        "
                                  "layer3: 2");
  ASSERT_EQ(parsed.faults.size(), 2);
  EXPECT_EQ(parsed.faults[0].place.line, 7);
  EXPECT_THAT(parsed.faults[0].message, HasSubstr("must be a number, not 'much'"));
  EXPECT_EQ(parsed.faults[1].place.line, 9);
  EXPECT_THAT(parsed.faults[1].message, HasSubstr("given twice"));
}

TEST(ConsistencySpecTest, ItsTapsSayWhereTheyComeFrom) {
  const v1::JobSpec filled = Job("{jigsaw: {}}", "{}"), given = Job("{jigsaw: {}}", "{taps: {layer4: 1}}");
  EXPECT_EQ(RecallOrigins(filled).at("stages[0].pretrain.consistency.taps.projection"), "default");
  EXPECT_EQ(RecallOrigins(given).at("stages[0].pretrain.consistency.taps.layer4"), "given");
  EXPECT_THAT(SpecToYaml(given, RecallOrigins(given)), HasSubstr("layer4: 1"));
  const ParsedSpec again = ParseSpec(SpecToYaml(given, RecallOrigins(given)));
  EXPECT_EQ(again.spec.DebugString(), given.DebugString());
}

TEST(ConsistencySpecTest, TakesWhatIsDocumented) {
  for (const char* consistency :
       {"{}", "{weight: 0}", "{pair: TWO_COPIES, predictions: 0, taps: {layer1: 1, layer2: 1, layer3: 1}}",
        "{turn: QUARTER_TURNS, taps: {layer4: 1}, feature_measure: MSE}", "{feature_measure: INFO_NCE}",
        "{taps: {projection: 0}, prediction_measure: MSE, ramp_share: 0}",
        "{weight: 0, predictions: 0, taps: {projection: 0}}"}) {
    EXPECT_THAT(Faults("{jigsaw: {}}, {moco: {}}", consistency), IsEmpty()) << consistency;
  }
}

TEST(ConsistencySpecTest, NamesEachFaultAndSaysWhatWouldBeRight) {
  const struct {
    const char* tasks;
    const char* consistency;
    const char* want;
  } cases[] = {
      {"{jigsaw: {}}", "{weight: -1}", "weight: must be 0 or more, not -1"},
      {"{jigsaw: {}}", "{predictions: -1}", "predictions: must be 0 or more, not -1"},
      {"{jigsaw: {}}", "{taps: {layer4: -2}}", "taps.layer4: must be 0 or more, not -2"},
      {"{jigsaw: {}}", "{taps: {leyer4: 1}}", "taps.leyer4: there is no tap 'leyer4'; did you mean layer4?"},
      {"{jigsaw: {}}", "{prediction_measure: INFO_NCE}",
       "prediction_measure: must be KL or MSE: INFO_NCE is for features; set feature_measure for them"},
      {"{jigsaw: {}}", "{prediction_measure: COSINE}",
       "prediction_measure: must be KL or MSE: COSINE is for features; set feature_measure for them"},
      {"{autoencoder: {}}", "{prediction_measure: KL}",
       "prediction_measure: must be MSE: the stage's tasks predict values, and KL is between distributions "
       "over "
       "classes"},
      {"{jigsaw: {}}", "{feature_measure: KL}",
       "feature_measure: must be COSINE, MSE or INFO_NCE: features are no distributions, as KL would need"},
      {"{jigsaw: {}}", "{turn: FLIP, predictions: 1}",
       "predictions: must be 0 with turn FLIP: a turned copy has another answer than its picture; take one "
       "of the "
       "two out"},
      {"{pirl: {}}", "{predictions: 1}",
       "predictions: must be 0: none of the stage's tasks predicts anything, they compare features "
       "themselves; leave "
       "it out"},
      {"{jigsaw: {}}", "{predictions: 0, taps: {layer4: 0}}",
       ": compares nothing: predictions and all taps are 0; give one a factor, or set weight to 0"},
      {"{jigsaw: {}}", "{temperature: 0}", "temperature: must be more than 0, not 0"},
      {"{jigsaw: {}}", "{ramp_share: 2}", "ramp_share: must be between 0 and 1, not 2"},
      {"{jigsaw: {}}", "{augment: {hue: 1}}", "augment.hue: must be between 0 and 0.5, not 1"},
      {"{jigsaw: {}}", "{augment: {flip_probability: 0.5}}",
       "augment.flip_probability: must be 0: a copy is cut and flipped as its picture is; not 0.5"},
  };
  for (const auto& c : cases)
    EXPECT_THAT(Faults(c.tasks, c.consistency), ElementsAre(c.want)) << c.consistency;
  EXPECT_THAT(Faults("{jigsaw: {}}", "{feature_measure: INFO_NCE}", "    batch_size: 1"),
              ElementsAre(HasSubstr("a single picture is forwarded at once")));
}

TEST(ConsistencySpecTest, RefusesWeightingsItDoesNotKnow) {
  v1::JobSpec spec = Job("{jigsaw: {}}", "{}");
  spec.mutable_stages(0)->mutable_pretrain()->set_weighting(static_cast<v1::PretrainStage::Weighting>(9));
  ASSERT_EQ(FindViolations(spec).all().size(), 1);
  EXPECT_EQ(FindViolations(spec).all()[0].field, "stages[0].pretrain.weighting");
}

}  // namespace
}  // namespace pretext
