#include "proto/cpp/validate.h"

#include "proto/cpp/defaults.h"
#include "proto/cpp/spec_parsing.h"
#include "proto/cpp/status_matchers.h"
#include "proto/cpp/task_checks.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Faults of a job written as YAML, with the defaults applied, as "path: description".
std::vector<std::string> FaultsOf(absl::string_view yaml) {
  ParsedSpec parsed = ParseSpec(yaml);
  EXPECT_THAT(parsed.faults, IsEmpty()) << yaml << parsed.faults[0].message;
  ApplyDefaults(&parsed.spec);
  std::vector<std::string> faults;
  const FieldViolations violations = FindViolations(parsed.spec);
  for (const FieldViolation& violation : violations.all()) {
    faults.push_back(violation.field + ": " + violation.description);
  }
  return faults;
}

constexpr char kData[] = "data: {images: /d}\n";

TEST(ValidateJobSpecTest, AcceptsACompleteJob) {
  EXPECT_THAT(FaultsOf(R"(
name: xray
data: {images: /data}
stages:
- pretrain: {tasks: [{moco: {queue_length: 1024}}, {weight: 0, rotation: {}}], backbone: {bn_groups: 8}}
- finetune: {data: {images: /l, labels: folders}, test: {images: /t, labels: /t.csv}}
- evaluate: {data: {images: /l, labels: folders}, knn: {}, init: {stage: pretrain}}
resources: {world_size: 4}
)"),
              IsEmpty());
}

TEST(ValidateJobSpecTest, QuotesLongTextsInPart) {
  const std::string fault = FaultsOf(std::string("{data: {images: /d}, name: ") + std::string(5000, 'x') +
                                     ", stages: [{pretrain: {tasks: [{rotation: {}}]}}]}")[0];
  EXPECT_LT(fault.size(), 400);
  EXPECT_THAT(fault, ::testing::EndsWith("xxx' (5000 bytes)"));
}

TEST(ValidateJobSpecTest, RefusesNumbersThatWouldOverflow) {
  EXPECT_THAT(
      FaultsOf(std::string(kData) +
               "stages: [{evaluate: {data: {images: /l, labels: folders}, linear: {penalties: [1e308]}, "
               "init: {random: {}}}}]"),
      ElementsAre("stages[0].evaluate.linear.penalties[0]: must be at most 1e+06, not 1e+308"));
  EXPECT_THAT(FaultsOf(std::string(kData) +
                       "stages: [{pretrain: {tasks: [{rotation: {}}], optimizer: {learning_rate: 1e300}}}]"),
              ElementsAre("stages[0].pretrain.optimizer.learning_rate: must be at most 1e+06, not 1e+300"));
}

TEST(ValidateJobSpecTest, RefusesPathsAndLabelsThatAreNotUtf8) {
  v1::JobSpec spec = ParseSpec(std::string(kData) + "stages: [{pretrain: {tasks: [{rotation: {}}]}}]").spec;
  ApplyDefaults(&spec);
  spec.mutable_data()->set_images("/d\xff");
  spec.set_output("/o\xff");
  (*spec.mutable_labels())["team"] = "\xff";
  std::vector<std::string> faults;
  const FieldViolations violations = FindViolations(spec);
  for (const FieldViolation& fault : violations.all())
    faults.push_back(fault.field + ": " + fault.description);
  EXPECT_THAT(faults, ElementsAre("data.images: must be UTF-8, which '/d\\xFF' is not; rename it",
                                  "output: must be UTF-8, which '/o\\xFF' is not; rename it",
                                  "labels.team: must be UTF-8, which '\\xFF' is not"));
}

TEST(ValidateJobSpecTest, NamesEachFaultAndSaysWhatWouldBeRight) {
  struct Case {
    const char* yaml;
    std::string want;
  };
  const Case cases[] = {
      {"{data: {images: d}, stages: [{pretrain: {tasks: [{rotation: {}}]}}]}",
       "data.images: must be an absolute path, as the worker's machine sees it, not 'd'"},
      {"{stages: [{pretrain: {tasks: [{rotation: {}}]}}]}",
       "stages[0].pretrain.data: is missing: neither this stage nor the job says where the pictures are"},
      {"{data: {images: /d}, name: a b, stages: [{pretrain: {tasks: [{rotation: {}}]}}]}",
       "name: must be 1 to 63 letters, digits, '.', '_' or '-', the first a letter or a digit, not 'a b'"},
      {"{data: {images: /d}, stages: [{pretrain: {}}]}",
       "stages[0].pretrain.tasks: must hold at least one task: " + TaskNames()},
      {"{data: {images: /d}, stages: [{pretrain: {tasks: [{weight: 1}]}}]}",
       "stages[0].pretrain.tasks[0]: must name a task: " + TaskNames()},
      {"{data: {images: /d}, stages: [{pretrain: {tasks: [{rotation: {}}, {rotation: {}}]}}]}",
       "stages[0].pretrain.tasks[1]: is the same task as tasks[0]: name each task once"},
      {"{data: {images: /d}, stages: [{pretrain: {tasks: [{weight: 0, rotation: {}}]}}]}",
       "stages[0].pretrain.tasks: all have weight 0, so nothing would be trained; give one a positive "
       "weight"},
      {"{data: {images: /d}, stages: [{pretrain: {tasks: [{moco: {temperature: 0}}]}}]}",
       "stages[0].pretrain.tasks[0].moco.temperature: must be more than 0, not 0"},
      {"{data: {images: /d}, stages: [{pretrain: {tasks: [{moco: {queue_length: 1000}}]}}]}",
       "stages[0].pretrain.tasks[0].moco.queue_length: must be a multiple of the pictures encoded at once "
       "(256), not "
       "1000; 768 or 1024 would be"},
      {"{data: {images: /d}, stages: [{pretrain: {tasks: [{moco: {embedding_size: 1}}]}}]}",
       "stages[0].pretrain.tasks[0].moco.embedding_size: must be between 2 and 8192, not 1"},
      {"{data: {images: /d}, stages: [{pretrain: {tasks: [{colorization: {neighbours: 314}}]}}]}",
       "stages[0].pretrain.tasks[0].colorization.neighbours: must be between 1 and 313, not 314"},
      {"{data: {images: /d}, stages: [{pretrain: {tasks: [{colorization: {uniform_share: 0}}]}}]}",
       "stages[0].pretrain.tasks[0].colorization.uniform_share: must be more than 0 and at most 1, not 0"},
      {"{data: {images: /d}, stages: [{pretrain: {tasks: [{colorization: {uniform_share: 1.5}}]}}]}",
       "stages[0].pretrain.tasks[0].colorization.uniform_share: must be more than 0 and at most 1, not 1.5"},
      {"{data: {images: /d}, stages: [{pretrain: {tasks: [{colorization: {window: 7}}]}}]}",
       "stages[0].pretrain.tasks[0].colorization.window: is an option of the method larsson, and method is "
       "zhang: leave it out, or change method"},
      {"{data: {images: /d}, stages: [{pretrain: {tasks: [{colorization: {method: larsson, sigma: 5}}]}}]}",
       "stages[0].pretrain.tasks[0].colorization.sigma: is an option of the method zhang, and method is "
       "larsson: leave it out, or change method"},
      {"{data: {images: /d}, stages: [{pretrain: {tasks: [{colorization: {method: larsson, window: 4}}]}}]}",
       "stages[0].pretrain.tasks[0].colorization.window: must be odd, so that it has a middle, not 4"},
      {"{data: {images: /d}, stages: [{pretrain: {tasks: [{colorization: {method: larsson, points: "
       "5000}}]}}]}",
       "stages[0].pretrain.tasks[0].colorization.points: must be between 1 and 4096, not 5000"},
      {"{data: {images: /d}, stages: [{pretrain: {tasks: [{colorization: {method: larsson, hue_weight: "
       "-1}}]}}]}",
       "stages[0].pretrain.tasks[0].colorization.hue_weight: must be 0 or more, not -1"},
      {"{data: {images: /d, channels: 1}, stages: [{pretrain: {tasks: [{colorization: {}}]}}]}",
       "stages[0].pretrain.tasks[0].colorization: predicts colours, but data.channels is 1 (grey): take the "
       "task out, or set channels to 3"},
      {"{data: {images: /d}, stages: [{pretrain: {tasks: [{rotation: {augment: {hue: 0.7}}}]}}]}",
       "stages[0].pretrain.tasks[0].rotation.augment.hue: must be between 0 and 0.5, not 0.7"},
      {"{data: {images: /d}, stages: [{pretrain: {tasks: [{rotation: {}}], epochs: 1, max_steps: 5}}]}",
       "stages[0].pretrain.max_steps: excludes epochs: give one of the two"},
      {"{data: {images: /d}, stages: [{pretrain: {tasks: [{rotation: {}}], backbone: {name: resnet19}}}]}",
       "stages[0].pretrain.backbone.name: there is no backbone 'resnet19'; did you mean resnet18?"},
      {"{data: {images: /d}, stages: [{pretrain: {tasks: [{rotation: {}}], batch_size: 10, accumulation: "
       "4}}]}",
       "stages[0].pretrain.batch_size: must be a multiple of world_size * accumulation = 1 * 4 = 4, not 10; "
       "12 would "
       "be"},
      {"{data: {images: /d}, resources: {world_size: 3}, stages: [{pretrain: {tasks: [{rotation: {}}]}}]}",
       "resources.world_size: world_size 3 does not divide batch_size 256, so ranks would get unequal "
       "shares; change "
       "either"},
      {"{data: {images: /d}, resources: {world_size: 2}, stages: [{pretrain: {tasks: [{rotation: {}}], "
       "backbone: "
       "{bn_groups: 3}}}]}",
       "stages[0].pretrain.backbone.bn_groups: must be a multiple of the world size 2, not 3"},
      {"{data: {images: /d}, stages: [{pretrain: {tasks: [{rotation: {}}], init: {stage: x}}}]}",
       "stages[0].pretrain.init.stage: there is no stage before this one, so none named 'x'"},
      {"{data: {images: /d}, stages: [{pretrain: {tasks: [{rotation: {}}], init: {file: /w, layers: [stem, "
       "layer5]}}}]}",
       "stages[0].pretrain.init.layers[1]: there is no block 'layer5'; there are stem, layer1, layer2, "
       "layer3, "
       "layer4"},
      {"{data: {images: /d}, stages: [{pretrain: {tasks: [{rotation: {}}], init: {file: /w, layers: [stem, "
       "stem]}}}]}",
       "stages[0].pretrain.init.layers[1]: names stem a second time"},
      {"{data: {images: /d}, stages: [{pretrain: {tasks: [{rotation: {}}], init: {layers: [stem]}}}]}",
       "stages[0].pretrain.init.layers: says which blocks to take, but the stage starts from fresh random "
       "weights; name the stage, job or file to take them from"},
      {"{data: {images: /d}, stages: [{pretrain: {tasks: [{rotation: {}}], probe: {}}}]}",
       "stages[0].pretrain.probe.data: is missing: a probe judges by labelled pictures; give images and "
       "labels"},
      {"{data: {images: /d}, stages: [{pretrain: {tasks: [{rotation: {}}], probe: {data: {images: /l}}}}]}",
       "stages[0].pretrain.probe.data.labels: is missing: a probe judges by labels; give \"folders\", a .csv "
       "with "
       "the columns path and label, or an IDX file"},
      {"{data: {images: /d}, stages: [{pretrain: {tasks: [{rotation: {}}], probe: {data: {images: /l, "
       "labels: "
       "folders}, every_steps: 0}}}]}",
       "stages[0].pretrain.probe.every_steps: must be between 1 and 1099511627776, not 0"},
      {"{data: {images: /d}, stages: [{pretrain: {tasks: [{rotation: {}}], probe: {data: {images: /l, "
       "labels: "
       "folders}, pictures: 5}}}]}",
       "stages[0].pretrain.probe.pictures: must be between 10 and 1000000, not 5"},
      {"{data: {images: /d}, stages: [{finetune: {}}]}",
       "stages[0].finetune.data.labels: is missing: fine-tuning learns from labels; give \"folders\", a .csv "
       "with the "
       "columns path and label, or an IDX file"},
      {"{data: {images: /d, labels: l.csv}, stages: [{finetune: {}}]}",
       "data.labels: must be \"folders\" or the absolute path of a .csv or IDX file, not 'l.csv'"},
      {"{data: {images: /d, labels: folders}, stages: [{evaluate: {}}]}",
       "stages[0].evaluate: must ask for knn, linear or both, e.g. evaluate: {knn: {}, linear: {}}"},
      {"{data: {images: /d, labels: folders}, stages: [{name: a, evaluate: {knn: {}}}, {name: a, evaluate: "
       "{knn: "
       "{}}}]}",
       "stages[1].name: 'a' is the name of an earlier stage too; each needs its own"},
      {"{data: {images: /d, labels_per_class: 5}, stages: [{pretrain: {tasks: [{rotation: {}}]}}]}",
       "data.labels_per_class: picks among labelled pictures, but the data names no labels; set labels"},
      {"{data: {images: /d}, stages: [{}]}", "stages[0]: must be one of pretrain, finetune and evaluate"},
      {"{data: {images: /d}, priority: 2000, stages: [{pretrain: {tasks: [{rotation: {}}]}}]}",
       "priority: must be between -1000 and 1000, not 2000"},
      {"{data: {images: /d}, checkpoints: {keep: 0}, stages: [{pretrain: {tasks: [{rotation: {}}]}}]}",
       "checkpoints.keep: must be between 1 and 1000, not 0"},
  };
  for (const Case& c : cases) EXPECT_THAT(FaultsOf(c.yaml), ElementsAre(c.want)) << c.yaml;
}

TEST(ValidateJobSpecTest, NamesTheFaultsOfEachTask) {
  const std::pair<const char*, const char*> cases[] = {
      {"context_prediction: {patch: 0}", "context_prediction.patch: must be between 1 and 4096, not 0"},
      {"context_prediction: {coarse_probability: 2}",
       "context_prediction.coarse_probability: must be between 0 and 1, not 2"},
      {"jigsaw: {grid: 4}", "jigsaw.grid: must be between 2 and 3, not 4"},
      {"jigsaw: {grid: 2, permutations: 30}", "jigsaw.permutations: must be between 2 and 24, not 30"},
      {"jigsaw: {permutations: 3000}", "jigsaw.permutations: must be between 2 and 2000, not 3000"},
      {"jigsaw: {grid: 2, occluded_tiles: 1}",
       "jigsaw.occluded_tiles: must be 0 with four tiles: two orders can differ in two tiles alone"},
      {"instance_discrimination: {negatives: 0}",
       "instance_discrimination.negatives: must be between 1 and 16777216, not 0"},
      {"pirl: {bank_momentum: 1.5}", "pirl.bank_momentum: must be between 0 and 1, not 1.5"},
      {"pirl: {copy_share: 2}", "pirl.copy_share: must be between 0 and 1, not 2"},
      {"autoencoder: {code_size: 0}", "autoencoder.code_size: must be between 1 and 65536, not 0"},
      {"denoising: {damage: MASK, amount: 2}", "denoising.amount: must be between 0 and 1, not 2"},
      {"denoising: {prior_samples: 0}", "denoising.prior_samples: must be between 1 and 1000000, not 0"},
      {"inpainting: {rim: -1}", "inpainting.rim: must be between 0 and 4096, not -1"},
      {"inpainting: {rim_weight: 0}", "inpainting.rim_weight: must be more than 0, not 0"},
      {"inpainting: {adversarial_share: 2}", "inpainting.adversarial_share: must be between 0 and 1, not 2"},
      {"inpainting: {adversary_rate: 0}", "inpainting.adversary_rate: must be more than 0, not 0"},
      {"inpainting: {whole_share: 1}", "inpainting.whole_share: must be at least 0 and less than 1, not 1"},
      {"inpainting: {augment: {hue: 1}}", "inpainting.augment.hue: must be between 0 and 0.5, not 1"},
      {"spot_artifacts: {preparing_share: 1}",
       "spot_artifacts.preparing_share: must be more than 0 and less than 1, not 1"},
      {"spot_artifacts: {keep_share: 0}",
       "spot_artifacts.keep_share: must be more than 0 and less than 1, not 0"},
      {"spot_artifacts: {mask_weight: -1}", "spot_artifacts.mask_weight: must be 0 or more, not -1"},
      {"spot_artifacts: {repair_rate: 0}", "spot_artifacts.repair_rate: must be more than 0, not 0"},
      {"spot_artifacts: {width: 0}", "spot_artifacts.width: must be between 1 and 256, not 0"},
  };
  for (const auto& [task, want] : cases) {
    const std::string yaml =
        absl::StrCat("{data: {images: /d}, stages: [{pretrain: {tasks: [{", task, "}]}}]}");
    EXPECT_THAT(FaultsOf(yaml), ElementsAre(absl::StrCat("stages[0].pretrain.tasks[0].", want))) << task;
  }
}

TEST(ValidateJobSpecTest, NamesTheFaultsOfUnlabelledPictures) {
  const std::pair<const char*, const char*> cases[] = {
      {"{method: FIXMATCH, sharpening: 0.5}",
       ".sharpening: belongs to UDA; FIXMATCH goes by the most probable class alone: leave it out"},
      {"{method: FIXMATCH, annealing: EXPONENTIAL}",
       ".annealing: belongs to UDA; FIXMATCH learns from all labelled pictures: leave it out"},
      {"{sharpening: 0}", ".sharpening: must be more than 0, not 0"},
      {"{ratio: 0}", ".ratio: must be between 1 and 64, not 0"},
      {"{weight: -1}", ".weight: must be 0 or more, not -1"},
      {"{confidence: 1}",
       ".confidence: must be at least 0 and less than 1, which no picture is above, not 1"},
      {"{augment: {flip_probability: 2}}", ".augment.flip_probability: must be between 0 and 1, not 2"},
      {"{data: {images: u}}",
       ".data.images: must be an absolute path, as the worker's machine sees it, not 'u'"},
      {"{}, recipe: LINEAR_PROBE",
       ": does not go with the recipe LINEAR_PROBE, which says what labels alone make of frozen features; "
       "take another recipe, or leave unlabelled out"},
  };
  const std::string head = "{data: {images: /d, labels: folders}, stages: [{finetune: {unlabelled: ";
  for (const auto& [unlabelled, want] : cases) {
    EXPECT_THAT(FaultsOf(absl::StrCat(head, unlabelled, "}}]}")),
                ElementsAre(absl::StrCat("stages[0].finetune.unlabelled", want)))
        << unlabelled;
  }
  for (const char* good : {"{}", "{weight: 0}", "{method: FIXMATCH, annealing: OFF, ratio: 1}",
                           "{data: {images: /u, labels: folders}, annealing: LOGARITHMIC, confidence: 0}"}) {
    EXPECT_THAT(FaultsOf(absl::StrCat(head, good, "}}]}")), IsEmpty()) << good;
  }
}

TEST(ValidateJobSpecTest, ColorizationKeepsItsColors) {
  const std::string augment =
      "{augment: {jitter_probability: 0.8, gray_probability: 0.2, blur_probability: 0.5, "
      "solarize_probability: 2}}";
  const std::string path = "stages[0].pretrain.tasks[0].colorization.augment.";
  const std::string why = ": must be 0: it changes colours, which are what the task predicts; not ";
  EXPECT_THAT(FaultsOf(kData + ("stages: [{pretrain: {tasks: [{colorization: " + augment + "}]}}]")),
              ElementsAre(path + "jitter_probability" + why + "0.8", path + "gray_probability" + why + "0.2",
                          path + "solarize_probability: must be between 0 and 1, not 2"));
  EXPECT_THAT(FaultsOf(std::string(kData) +
                       "stages: [{pretrain: {tasks: [{rotation: {augment: {jitter_probability: 0.8}}}]}}]"),
              IsEmpty());
}

TEST(ValidateJobSpecTest, AnEmptyJobSaysWhatItNeeds) {
  EXPECT_THAT(FaultsOf("{name: x}"),
              ElementsAre("stages: must hold at least one stage: pretrain, finetune or evaluate"));
}

TEST(ValidateJobSpecTest, ReportsEverythingAtOnceInAStatusWithFields) {
  ParsedSpec parsed = ParseSpec(std::string(kData) +
                                "stages: [{pretrain: {tasks: [{weight: -1, rotation: {}}], batch_size: 0}}]\n"
                                "max_restarts: -1\n");
  ApplyDefaults(&parsed.spec);
  const absl::Status status = ValidateJobSpec(parsed.spec);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(GetReason(status), "INVALID_SPEC");
  std::vector<std::string> fields;
  for (const FieldViolation& violation : GetFieldViolations(status)) fields.push_back(violation.field);
  EXPECT_THAT(fields, ElementsAre("stages[0].pretrain.tasks[0].weight", "stages[0].pretrain.batch_size",
                                  "max_restarts"));
}

TEST(ValidateJobSpecTest, UnknownEnumValuesFromNewerClientsAreRefused) {
  ParsedSpec parsed = ParseSpec(std::string(kData) + "stages: [{pretrain: {tasks: [{rotation: {}}]}}]");
  ApplyDefaults(&parsed.spec);
  parsed.spec.mutable_resources()->set_device(static_cast<v1::Resources::Device>(9));
  EXPECT_THAT(ValidateJobSpec(parsed.spec),
              StatusIs(absl::StatusCode::kInvalidArgument, "resources.device: has the unknown value 9"));
}

TEST(IsValidNameTest, TakesLettersDigitsDotsUnderscoresAndDashes) {
  EXPECT_TRUE(IsValidName("a-1_b.C"));
  EXPECT_TRUE(IsValidName(std::string(63, 'a')));
  for (const std::string& name :
       {std::string(), std::string("-a"), std::string("a/b"), std::string(64, 'a')}) {
    EXPECT_FALSE(IsValidName(name)) << name;
  }
}

}  // namespace
}  // namespace pretext
