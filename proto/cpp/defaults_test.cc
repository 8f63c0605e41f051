#include "proto/cpp/defaults.h"

#include "proto/cpp/status_matchers.h"
#include "proto/cpp/task_defaults.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

v1::JobSpec MocoJob() {
  v1::JobSpec spec;
  spec.mutable_data()->set_images("/pictures");
  spec.add_stages()->mutable_pretrain()->add_tasks()->mutable_moco();
  return spec;
}

TEST(ApplyDefaultsTest, FillsInWhatTheContractDocuments) {
  v1::JobSpec spec = MocoJob();
  ApplyDefaults(&spec);
  EXPECT_EQ(spec.name(), "moco");
  EXPECT_EQ(spec.stages(0).name(), "pretrain");
  const v1::PretrainStage& stage = spec.stages(0).pretrain();
  EXPECT_EQ(stage.backbone().name(), "resnet18");
  EXPECT_EQ(stage.epochs(), 100);
  EXPECT_EQ(stage.batch_size(), 256);
  EXPECT_EQ(stage.accumulation(), 1);
  EXPECT_EQ(stage.optimizer().kind(), v1::OptimizerSpec::SGD);
  EXPECT_DOUBLE_EQ(stage.optimizer().learning_rate(), 0.03);
  EXPECT_DOUBLE_EQ(stage.optimizer().weight_decay(), 1e-4);
  EXPECT_DOUBLE_EQ(stage.schedule().warmup_share(), 0.02);
  EXPECT_TRUE(stage.init().has_random());
  EXPECT_DOUBLE_EQ(stage.tasks(0).weight(), 1);
  EXPECT_EQ(stage.tasks(0).moco().version(), v1::MocoSpec::V2);
  EXPECT_DOUBLE_EQ(stage.tasks(0).moco().temperature(), 0.2);
  EXPECT_EQ(stage.tasks(0).moco().embedding_size(), 128);
  EXPECT_EQ(spec.resources().world_size(), 1);
  EXPECT_EQ(spec.resources().device(), v1::Resources::CPU);
  EXPECT_EQ(spec.checkpoints().keep(), 2);
  EXPECT_EQ(spec.max_restarts(), 3);
  EXPECT_EQ(spec.data().cache_bytes(), int64_t{2} << 30);
}

TEST(ApplyDefaultsTest, LeavesToTheWorkerWhatDependsOnTheData) {
  v1::JobSpec spec = MocoJob();
  ApplyDefaults(&spec);
  const v1::PretrainStage& stage = spec.stages(0).pretrain();
  EXPECT_FALSE(spec.data().has_channels());
  EXPECT_FALSE(stage.has_image_size());
  EXPECT_FALSE(stage.backbone().has_bn_groups());
  EXPECT_EQ(stage.backbone().stem(), v1::BackboneSpec::STEM_UNSPECIFIED);
  EXPECT_FALSE(stage.tasks(0).moco().has_queue_length());
  EXPECT_FALSE(stage.tasks(0).moco().has_momentum());
  EXPECT_FALSE(stage.tasks(0).moco().augment().has_blur_probability());
}

TEST(ApplyDefaultsTest, AGivenPictureSizeSettlesStemAndBlur) {
  v1::JobSpec spec = MocoJob();
  spec.mutable_stages(0)->mutable_pretrain()->set_image_size(32);
  ApplyDefaults(&spec);
  EXPECT_EQ(spec.stages(0).pretrain().backbone().stem(), v1::BackboneSpec::SMALL);
  EXPECT_EQ(spec.stages(0).pretrain().tasks(0).moco().augment().blur_probability(), 0);
}

TEST(ApplyDefaultsTest, KeepsWhatWasGiven) {
  v1::JobSpec spec = MocoJob();
  v1::PretrainStage* stage = spec.mutable_stages(0)->mutable_pretrain();
  stage->set_max_steps(500);
  stage->mutable_tasks(0)->set_weight(0);
  stage->mutable_tasks(0)->mutable_moco()->mutable_augment()->set_hue(0);
  stage->mutable_optimizer()->set_clip_norm(1);
  spec.set_max_restarts(0);
  ApplyDefaults(&spec);
  EXPECT_FALSE(spec.stages(0).pretrain().has_epochs());
  EXPECT_EQ(spec.stages(0).pretrain().tasks(0).weight(), 0);
  EXPECT_EQ(spec.stages(0).pretrain().tasks(0).moco().augment().hue(), 0);
  EXPECT_EQ(spec.stages(0).pretrain().tasks(0).moco().momentum(), 0.99);
  EXPECT_EQ(spec.stages(0).pretrain().optimizer().clip_norm(), 1);
  EXPECT_EQ(spec.max_restarts(), 0);
}

TEST(ApplyDefaultsTest, ColorizationHasTheOptionsOfItsMethodAlone) {
  v1::JobSpec spec;
  v1::PretrainStage* stage = spec.add_stages()->mutable_pretrain();
  stage->add_tasks()->mutable_colorization();
  stage->add_tasks()->mutable_colorization()->set_method(v1::ColorizationSpec::LARSSON);
  ApplyDefaults(&spec);
  const v1::ColorizationSpec& zhang = stage->tasks(0).colorization();
  EXPECT_EQ(zhang.method(), v1::ColorizationSpec::ZHANG);
  EXPECT_EQ(zhang.neighbours(), 5);
  EXPECT_FALSE(zhang.has_points() || zhang.has_window() || zhang.has_hue_weight());
  const v1::ColorizationSpec& larsson = stage->tasks(1).colorization();
  EXPECT_EQ(larsson.points(), 128);
  EXPECT_EQ(larsson.hue_weight(), 5);
  EXPECT_FALSE(larsson.has_neighbours() || larsson.has_sigma() || larsson.has_prior_samples());
  EXPECT_EQ(larsson.augment().crop_scale_min(), 0.5);
}

TEST(ApplyDefaultsTest, ApplyingTwiceIsApplyingOnce) {
  v1::JobSpec once = MocoJob();
  once.add_stages()->mutable_finetune()->mutable_unlabelled()->mutable_data();
  once.add_stages()->mutable_evaluate()->mutable_linear();
  ApplyDefaults(&once);
  v1::JobSpec twice = once;
  ApplyDefaults(&twice);
  EXPECT_EQ(once.DebugString(), twice.DebugString());
}

TEST(ApplyDefaultsTest, NamesStagesByKindAndNumbersThemWhenTheyRepeat) {
  v1::JobSpec spec;
  spec.add_stages()->mutable_evaluate();
  spec.add_stages()->mutable_evaluate();
  spec.add_stages()->mutable_evaluate();
  spec.mutable_stages(1)->set_name("evaluate-2");
  ApplyDefaults(&spec);
  EXPECT_EQ(spec.stages(0).name(), "evaluate");
  EXPECT_EQ(spec.stages(1).name(), "evaluate-2");
  EXPECT_EQ(spec.stages(2).name(), "evaluate-3");
}

TEST(ApplyDefaultsTest, AStageContinuesTheBackboneOfTheOneBefore) {
  v1::JobSpec spec = MocoJob();
  spec.mutable_stages(0)->mutable_pretrain()->mutable_backbone()->set_name("resnet34");
  spec.add_stages()->mutable_finetune();
  spec.add_stages()->mutable_evaluate()->mutable_init()->set_file("/weights.safetensors");
  ApplyDefaults(&spec);
  EXPECT_EQ(spec.stages(1).finetune().init().stage(), "pretrain");
  EXPECT_EQ(spec.stages(1).finetune().backbone().name(), "resnet34");
  EXPECT_EQ(spec.stages(2).evaluate().backbone().name(), "") << "the file says what it holds";
}

TEST(ApplyDefaultsTest, FineTuningRatesFollowTheRecipe) {
  const std::pair<v1::FinetuneStage::Recipe, double> cases[] = {{v1::FinetuneStage::FINE_TUNE, 2e-3},
                                                                {v1::FinetuneStage::ULMFIT, 0.01},
                                                                {v1::FinetuneStage::LINEAR_PROBE, 1e-3},
                                                                {v1::FinetuneStage::FULL, 1e-3}};
  for (const auto& [recipe, want_rate] : cases) {
    v1::JobSpec spec;
    spec.add_stages()->mutable_finetune()->set_recipe(recipe);
    ApplyDefaults(&spec);
    EXPECT_DOUBLE_EQ(spec.stages(0).finetune().learning_rate(), want_rate);
    EXPECT_TRUE(spec.stages(0).finetune().has_classify());
  }
}

TEST(ApplyDefaultsTest, AProbeLooksAtEachBlockAndItsIntervalStaysOpen) {
  v1::JobSpec spec;
  spec.add_stages()->mutable_pretrain()->mutable_probe()->mutable_data()->set_images("/labelled");
  ApplyDefaults(&spec);
  const v1::ProbeSpec& probe = spec.stages(0).pretrain().probe();
  EXPECT_EQ(probe.pictures(), 3000);
  EXPECT_TRUE(probe.each_block());
  EXPECT_FALSE(probe.has_every_steps());
  EXPECT_EQ(probe.data().max_broken_share(), 0.01);
  spec.clear_stages();
  spec.add_stages()->mutable_pretrain();
  ApplyDefaults(&spec);
  EXPECT_FALSE(spec.stages(0).pretrain().has_probe());
}

TEST(ApplyDefaultsTest, UnlabelledPicturesAreTakenAsThePapersDo) {
  v1::JobSpec spec;
  spec.add_stages()->mutable_finetune();
  spec.add_stages()->mutable_finetune()->mutable_unlabelled();
  spec.add_stages()->mutable_finetune()->mutable_unlabelled()->set_method(v1::UnlabelledSpec::FIXMATCH);
  ApplyDefaults(&spec);
  EXPECT_FALSE(spec.stages(0).finetune().has_unlabelled());
  const v1::UnlabelledSpec& uda = spec.stages(1).finetune().unlabelled();
  EXPECT_EQ(uda.method(), v1::UnlabelledSpec::UDA);
  EXPECT_EQ(uda.weight(), 1);
  EXPECT_EQ(uda.ratio(), 7);
  EXPECT_EQ(uda.confidence(), 0.8);
  EXPECT_EQ(uda.sharpening(), 0.4);
  EXPECT_EQ(uda.annealing(), v1::UnlabelledSpec::OFF);
  EXPECT_EQ(uda.augment().brightness(), 0.8);
  EXPECT_EQ(uda.augment().crop_scale_min(), 0.35);
  EXPECT_FALSE(uda.has_data());
  const v1::UnlabelledSpec& fixmatch = spec.stages(2).finetune().unlabelled();
  EXPECT_EQ(fixmatch.confidence(), 0.95);
  EXPECT_FALSE(fixmatch.has_sharpening());
  EXPECT_EQ(fixmatch.annealing(), v1::UnlabelledSpec::ANNEALING_UNSPECIFIED);
}

TEST(DefaultAugmentTest, SetsEveryField) {
  for (const v1::AugmentSpec& augment :
       {DefaultMocoAugment(v1::MocoSpec::V1, 224), DefaultMocoAugment(v1::MocoSpec::V2, 32),
        DefaultRotationAugment(), DefaultColorizationAugment(), DefaultContextPredictionAugment(),
        DefaultJigsawAugment(), DefaultInstanceAugment(), DefaultPirlAugment(), DefaultPirlCopyAugment(),
        DefaultReconstructionAugment(), DefaultFinetuneAugment()}) {
    std::vector<const google::protobuf::FieldDescriptor*> set;
    augment.GetReflection()->ListFields(augment, &set);
    EXPECT_EQ(set.size(), augment.GetDescriptor()->field_count());
  }
}

TEST(DefaultAugmentTest, MocoVersionsDifferAsPublished) {
  const v1::AugmentSpec v1 = DefaultMocoAugment(v1::MocoSpec::V1, 224),
                        v2 = DefaultMocoAugment(v1::MocoSpec::V2, 224);
  EXPECT_EQ(v1.jitter_probability(), 1);
  EXPECT_EQ(v1.hue(), 0.4);
  EXPECT_EQ(v1.blur_probability(), 0);
  EXPECT_EQ(v2.jitter_probability(), 0.8);
  EXPECT_EQ(v2.hue(), 0.1);
  EXPECT_EQ(v2.blur_probability(), 0.5);
  EXPECT_EQ(DefaultMocoAugment(v1::MocoSpec::V2, 64).blur_probability(), 0);
}

TEST(ResolveAugmentTest, KeepsGivenZerosAndFillsTheRest) {
  v1::TaskSpec task;
  task.mutable_rotation()->mutable_augment()->set_flip_probability(0);
  const v1::AugmentSpec augment = ResolveAugment(task, 32);
  EXPECT_EQ(augment.flip_probability(), 0);
  EXPECT_EQ(augment.crop_scale_min(), 0.5);
}

TEST(ResolveQueueLengthTest, ChoosesFromDataSetAndBatch) {
  struct Case {
    int64_t pictures, batch, want;
  };
  for (const Case& c :
       {Case{1300000, 256, 65536}, Case{60000, 256, 8192}, Case{160, 32, 32}, Case{100, 64, 64},
        Case{1300000, 96, 49152}, Case{262144, 256, 65536}, Case{262143, 256, 32768}}) {
    ASSERT_OK_AND_ASSIGN(const int32_t length, ResolveQueueLength(v1::MocoSpec(), c.pictures, c.batch));
    EXPECT_EQ(length, c.want) << c.pictures << " pictures, batch " << c.batch;
  }
}

TEST(ResolveQueueLengthTest, RefusesWhatCannotWorkAndSaysWhatWould) {
  v1::MocoSpec moco;
  EXPECT_THAT(ResolveQueueLength(moco, 64, 64),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more pictures")));
  moco.set_queue_length(1000);
  EXPECT_THAT(ResolveQueueLength(moco, 5000, 256),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("768 would be")));
  moco.set_queue_length(1024);
  EXPECT_THAT(ResolveQueueLength(moco, 1024, 256),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at most 768 would do")));
  ASSERT_OK_AND_ASSIGN(const int32_t length, ResolveQueueLength(moco, 1025, 256));
  EXPECT_EQ(length, 1024);
}

TEST(ResolveBnGroupsTest, OneGroupPer32PicturesAtMost8AndAtLeastTheWorldSize) {
  struct Case {
    int64_t batch;
    int32_t world_size, want;
  };
  for (const Case& c :
       {Case{256, 1, 8}, Case{1024, 1, 8}, Case{32, 1, 1}, Case{16, 1, 1}, Case{96, 1, 3}, Case{256, 4, 8},
        Case{256, 16, 16}, Case{64, 4, 4}, Case{250, 1, 5}, Case{192, 3, 6}}) {
    ASSERT_OK_AND_ASSIGN(const int32_t groups, ResolveBnGroups(v1::BackboneSpec(), c.batch, c.world_size));
    EXPECT_EQ(groups, c.want) << "batch " << c.batch << ", world size " << c.world_size;
  }
  v1::BackboneSpec backbone;
  backbone.set_bn_groups(3);
  EXPECT_THAT(ResolveBnGroups(backbone, 256, 1), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ResolveImageSizeTest, SmallPicturesKeepTheirSide) {
  EXPECT_EQ(ResolveImageSize(/*given=*/48, 28), 48);
  EXPECT_EQ(ResolveImageSize(/*given=*/0, 28), 28);
  EXPECT_EQ(ResolveImageSize(/*given=*/0, 96), 96);
  EXPECT_EQ(ResolveImageSize(/*given=*/0, 97), 224);
}

}  // namespace
}  // namespace pretext
