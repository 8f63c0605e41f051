#include "worker/stages/resolve_stage.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "proto/cpp/defaults.h"
#include "proto/cpp/spec_parsing.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

v1::JobSpec Parse(const std::string& yaml) {
  ParsedSpec parsed = ParseSpec(yaml);
  EXPECT_THAT(parsed.faults, ::testing::IsEmpty());
  ApplyDefaults(&parsed.spec);
  return parsed.spec;
}

v1::PretrainStage Pretrain(const std::string& fields) {
  return Parse("stages: [{pretrain: {tasks: [{moco: {}}], " + fields + "}}]").stages(0).pretrain();
}

StageFacts SmallPictures() {
  StageFacts facts;
  facts.data.pictures = 10000;
  facts.data.median_height = 28;
  facts.data.median_width = 32;
  facts.data.channels = facts.channels = 1;
  facts.backbone.name = "resnet18";
  return facts;
}

std::string OriginOf(const std::vector<ResolvedField>& fields, const std::string& path) {
  for (const ResolvedField& field : fields) {
    if (field.path == path) return field.origin;
  }
  return "";
}

TEST(ResolvePretrainTest, TakesWhatIsOpenFromTheDataAndSaysSo) {
  v1::PretrainStage stage = Pretrain("epochs: 10, batch_size: 256");
  ASSERT_OK_AND_ASSIGN(const auto fields, ResolvePretrain(SmallPictures(), &stage));
  EXPECT_EQ(stage.image_size(), 28);
  EXPECT_EQ(OriginOf(fields, "image_size"), "from the data: 32 x 28 pictures");
  EXPECT_EQ(stage.backbone().stem(), v1::BackboneSpec::SMALL);
  EXPECT_EQ(stage.backbone().bn_groups(), 8);
  EXPECT_EQ(stage.precision(), v1::FP32);
  EXPECT_EQ(stage.tasks(0).moco().queue_length(), 2048);
  EXPECT_EQ(OriginOf(fields, "tasks[0].moco.queue_length"), "from the data: 10000 pictures");
  EXPECT_EQ(stage.tasks(0).moco().momentum(), 0.99);
  EXPECT_EQ(stage.tasks(0).moco().augment().blur_probability(), 0);
}

TEST(ResolvePretrainTest, ProbesATenthOfTheStageApart) {
  v1::PretrainStage stage =
      Pretrain("epochs: 10, batch_size: 256, probe: {data: {images: /l, labels: folders}}");
  ASSERT_OK_AND_ASSIGN(const auto fields, ResolvePretrain(SmallPictures(), &stage));
  EXPECT_EQ(stage.probe().every_steps(), 39);  // 390 steps
  EXPECT_EQ(OriginOf(fields, "probe.every_steps"), "from the length: 390 steps");
  stage = Pretrain("max_steps: 3, probe: {data: {images: /l, labels: folders}}");
  ASSERT_OK(ResolvePretrain(SmallPictures(), &stage).status());
  EXPECT_EQ(stage.probe().every_steps(), 1);
}

TEST(ResolvePretrainTest, NotesTheChannelsOfTheStagesOwnData) {
  v1::PretrainStage stage = Pretrain("epochs: 10, data: {images: /pictures}");
  ASSERT_OK_AND_ASSIGN(const auto fields, ResolvePretrain(SmallPictures(), &stage));
  EXPECT_EQ(stage.data().channels(), 1);
  EXPECT_EQ(OriginOf(fields, "data.channels"), "from the data: grey pictures");
}

TEST(ResolvePretrainTest, CopiesOfSmallPicturesAreNotBlurred) {
  for (const int side : {64, 96}) {
    StageFacts facts = SmallPictures();
    facts.data.median_height = facts.data.median_width = side;
    v1::PretrainStage stage = Pretrain("epochs: 10, consistency: {}");
    ASSERT_OK_AND_ASSIGN(const auto fields, ResolvePretrain(facts, &stage));
    EXPECT_EQ(stage.consistency().augment().blur_probability(), side > 64 ? 0.5 : 0);
    EXPECT_EQ(OriginOf(fields, "consistency.augment.blur_probability"),
              absl::StrCat("from image_size: ", side, " pixels"));
  }
}

TEST(ResolvePretrainTest, LeavesWhatIsGiven) {
  v1::PretrainStage stage = Pretrain(
      "epochs: 10, image_size: 64, precision: BF16, backbone: {name: resnet50, stem: STANDARD, bn_groups: "
      "4}");
  const v1::PretrainStage before = stage;
  ASSERT_OK_AND_ASSIGN(const auto fields, ResolvePretrain(SmallPictures(), &stage));
  EXPECT_EQ(stage.backbone().SerializeAsString(), before.backbone().SerializeAsString());
  EXPECT_EQ(stage.image_size(), 64);
  EXPECT_EQ(stage.precision(), v1::BF16);
  EXPECT_EQ(OriginOf(fields, "image_size"), "");
}

TEST(ResolvePretrainTest, ChangesNothingTheSecondTime) {
  v1::PretrainStage stage = Pretrain("epochs: 10");
  ASSERT_OK(ResolvePretrain(SmallPictures(), &stage).status());
  const std::string once = stage.SerializeAsString();
  ASSERT_OK_AND_ASSIGN(const auto fields, ResolvePretrain(SmallPictures(), &stage));
  EXPECT_THAT(fields, ::testing::IsEmpty());
  EXPECT_EQ(stage.SerializeAsString(), once);
}

TEST(ResolvePretrainTest, GroupsFollowTheMicroBatchAndTheRanks) {
  v1::PretrainStage stage = Pretrain("epochs: 10, batch_size: 64, accumulation: 2");
  StageFacts facts = SmallPictures();
  facts.world_size = 2;
  ASSERT_OK(ResolvePretrain(facts, &stage).status());
  EXPECT_EQ(stage.backbone().bn_groups(), 2);
}

TEST(ResolvePretrainTest, RefusesABatchLargerThanTheData) {
  v1::PretrainStage stage = Pretrain("epochs: 10, batch_size: 256");
  StageFacts facts = SmallPictures();
  facts.data.pictures = 100;
  EXPECT_THAT(
      ResolvePretrain(facts, &stage).status(),
      StatusIs(absl::StatusCode::kInvalidArgument, AllOf(HasSubstr("256"), HasSubstr("at most 100"))));
}

TEST(ResolveFinetuneTest, FollowsTheWeightsItStartsFrom) {
  v1::FinetuneStage stage =
      Parse("stages: [{finetune: {init: {file: /w.safetensors}}}]").stages(0).finetune();
  StageFacts facts = SmallPictures();
  facts.initial.emplace();
  facts.initial->image_size = 96;
  facts.initial->backbone.name = facts.backbone.name = "resnet34";
  facts.backbone.small_stem = false;
  ASSERT_OK_AND_ASSIGN(const auto fields, ResolveFinetune(facts, /*labelled=*/500, &stage));
  EXPECT_EQ(stage.image_size(), 96);
  EXPECT_EQ(stage.backbone().name(), "resnet34");
  EXPECT_EQ(stage.backbone().stem(), v1::BackboneSpec::STANDARD);
  EXPECT_EQ(OriginOf(fields, "backbone.stem"), "from the weights");
  EXPECT_EQ(stage.batch_size(), 64);
}

TEST(ResolveFinetuneTest, BatchesHoldAtMostTheLabelledPictures) {
  v1::FinetuneStage stage = Parse("stages: [{finetune: {init: {random: {}}}}]").stages(0).finetune();
  StageFacts facts = SmallPictures();
  facts.world_size = 2;
  ASSERT_OK_AND_ASSIGN(const auto fields, ResolveFinetune(facts, /*labelled=*/41, &stage));
  EXPECT_EQ(stage.batch_size(), 40);
  EXPECT_EQ(OriginOf(fields, "batch_size"), "from the data: 41 labelled pictures");
  EXPECT_EQ(stage.backbone().bn_groups(), 2);
}

TEST(ResolveFinetuneTest, FewLabelsAreRepeatedUntilThereAreStepsToLearnIn) {
  v1::FinetuneStage stage = Parse("stages: [{finetune: {init: {random: {}}}}]").stages(0).finetune();
  v1::FinetuneStage many = stage;
  ASSERT_OK_AND_ASSIGN(const auto fields, ResolveFinetune(SmallPictures(), /*labelled=*/130, &stage));
  EXPECT_EQ(stage.epochs(), 75);  // of two batches of 64
  EXPECT_EQ(stage.freeze_epochs(), 15);
  EXPECT_EQ(OriginOf(fields, "epochs"), "from the data: 130 labelled pictures, 150 steps");
  ASSERT_OK(ResolveFinetune(SmallPictures(), /*labelled=*/6400, &many).status());
  EXPECT_EQ(many.epochs(), 5);
  EXPECT_EQ(many.freeze_epochs(), 1);
}

TEST(ResolveFinetuneTest, UnlabelledPicturesAreGivenMoreSteps) {
  for (const auto& [unlabelled, steps] : {std::pair("{}", 400), std::pair("{weight: 0}", 150)}) {
    v1::FinetuneStage stage =
        Parse(absl::StrCat("stages: [{finetune: {init: {random: {}}, unlabelled: ", unlabelled, "}}]"))
            .stages(0)
            .finetune();
    ASSERT_OK(ResolveFinetune(SmallPictures(), /*labelled=*/64, &stage).status());
    EXPECT_EQ(stage.epochs(), steps);
    EXPECT_EQ(stage.freeze_epochs(), steps / 5);
  }
}

TEST(ResolveFinetuneTest, TrainsAsLongAsItIsTold) {
  for (const char* length : {"epochs: 2", "max_steps: 7"}) {
    v1::FinetuneStage stage =
        Parse(absl::StrCat("stages: [{finetune: {init: {random: {}}, ", length, "}}]")).stages(0).finetune();
    ASSERT_OK(ResolveFinetune(SmallPictures(), /*labelled=*/130, &stage).status());
    EXPECT_EQ(stage.freeze_epochs(), 1) << length;
    EXPECT_EQ(stage.has_epochs() ? stage.epochs() : stage.max_steps(), length[0] == 'e' ? 2 : 7);
  }
}

TEST(ResolveFinetuneTest, RefusesTooFewLabelledPictures) {
  v1::FinetuneStage stage = Parse("stages: [{finetune: {init: {random: {}}}}]").stages(0).finetune();
  EXPECT_THAT(ResolveFinetune(SmallPictures(), /*labelled=*/1, &stage).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at least 2")));
}

TEST(WithChannelsTest, OpensDataAsTheWeightsWantThemUnlessToldOtherwise) {
  v1::DataSpec data;
  EXPECT_FALSE(WithChannels(data, std::nullopt).has_channels());
  WeightsCard card;
  card.backbone.in_channels = 1;
  EXPECT_EQ(WithChannels(data, card).channels(), 1);
  data.set_channels(3);
  EXPECT_EQ(WithChannels(data, card).channels(), 3);
}

}  // namespace
}  // namespace pretext
