#include "worker/tasks/pirl.h"

#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/rot90.h>

#include <algorithm>

#include "gmock/gmock.h"
#include "proto/cpp/status_matchers.h"
#include "worker/dist/thread_process_group.h"
#include "worker/tasks/toy_stage.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

// Leaves a view as it is: all that varies is the change.
void KeepViews(v1::TaskSpec* spec) {
  for (v1::AugmentSpec* augment :
       {spec->mutable_pirl()->mutable_augment(), spec->mutable_pirl()->mutable_copy_augment()}) {
    augment->set_crop_scale_min(1);
    augment->set_flip_probability(0);
    augment->set_jitter_probability(0);
    augment->set_gray_probability(0);
  }
}

struct PirlRun {
  explicit PirlRun(v1::TaskSpec spec) : stage(std::move(spec)) {
    train.backbone = ToyBackbone();
    train.process_group = &group;
    at::manual_seed(5);
    task = *MakePirl(stage.context, train);
    builder = *MakePirlViewBuilder(stage.context);
  }
  at::Tensor Gradient(const std::string& name) { return task->module().named_parameters()[name].grad(); }

  ToyStage stage;
  ThreadProcessGroup group;
  TrainContext train;
  std::unique_ptr<PretextTask> task;
  std::unique_ptr<ViewBuilder> builder;
};

TEST(PirlTest, ARotatedCopyIsThePictureTurnedByQuarters) {
  v1::TaskSpec spec = SpecOf("pirl", 16);
  spec.mutable_pirl()->set_change(v1::PirlSpec::ROTATION);
  KeepViews(&spec);
  PirlRun run(spec);
  const Batch batch = BuildBatch(*run.builder, run.stage.dataset, 0, 32);
  std::vector<int> counts(4);
  for (int64_t i = 0; i < 32; ++i) {
    for (int turn = 0; turn < 4; ++turn) {
      counts[turn] += at::equal(batch.fields[1][i][0], at::rot90(batch.fields[0][i], turn, {0, 1}));
    }
  }
  EXPECT_EQ(counts[0] + counts[1] + counts[2] + counts[3], 32);
  EXPECT_GT(*std::min_element(counts.begin(), counts.end()), 2);
}

TEST(PirlTest, AShuffledCopyHoldsEveryTileOnce) {
  v1::TaskSpec spec = SpecOf("pirl", 16);
  spec.mutable_pirl()->set_gap(0);
  KeepViews(&spec);
  PirlRun run(spec);
  const Batch batch = BuildBatch(*run.builder, run.stage.dataset, 0, 8);
  for (int64_t i = 0; i < 8; ++i) {
    for (int cell = 0; cell < 4; ++cell) {
      const at::Tensor tile = batch.fields[0][i].narrow(0, cell / 2 * 8, 8).narrow(1, cell % 2 * 8, 8);
      int found = 0;
      for (int place = 0; place < 4; ++place) found += at::equal(batch.fields[1][i][place], tile);
      EXPECT_EQ(found, 1) << i << " " << cell;
    }
  }
}

TEST(PirlTest, TheSharesDecideWhichHeadLearns) {
  for (const double share : {0.0, 1.0}) {
    v1::TaskSpec spec = SpecOf("pirl", 16);
    spec.mutable_pirl()->set_copy_share(share);
    PirlRun run(spec);
    run.task->Loss(BuildBatch(*run.builder, run.stage.dataset, 0, 8))->loss.backward();
    EXPECT_EQ(run.Gradient("picture.0.weight").abs().max().item<double>() > 0, share == 0) << share;
    EXPECT_EQ(run.Gradient("whole.0.weight").abs().max().item<double>() > 0, share == 1) << share;
  }
}

TEST(PirlTest, TheOrderOfTilesChangesTheCopysVectorAndNotThePictures) {
  PirlRun run(SpecOf("pirl", 16));
  const Batch batch = BuildBatch(*run.builder, run.stage.dataset, 0, 8);
  Batch other = batch;
  other.fields[1] = batch.fields[1].flip(1);
  const TaskOutput one = *run.task->Loss(batch), two = *run.task->Loss(other);
  EXPECT_TRUE(at::allclose(one.features, two.features, 1e-4, 1e-5));
  EXPECT_NE(Metric(one, "positive_similarity"), Metric(two, "positive_similarity"));
}

TEST(PirlTest, ThePictureAloneMovesTheBank) {
  const auto bank_after = [](bool flip_tiles) {
    PirlRun run(SpecOf("pirl", 16));
    Batch batch = BuildBatch(*run.builder, run.stage.dataset, 0, 8);
    if (flip_tiles) batch.fields[1] = batch.fields[1].flip(1);
    EXPECT_OK(run.task->Loss(batch).status());
    run.task->AfterOptimizerStep({0, 100});
    return run.task->module().named_buffers()["bank.rows"].clone();
  };
  EXPECT_TRUE(at::allclose(bank_after(false), bank_after(true), 1e-4, 1e-5));
}

TEST(PirlTest, RefusesMoreNegativesThanPicturesAndTilesTooSmall) {
  v1::TaskSpec many = SpecOf("pirl", 16), tiny = SpecOf("pirl", 16);
  many.mutable_pirl()->set_negatives(64);
  tiny.mutable_pirl()->set_grid(3);
  EXPECT_THAT(CheckPirl(ToyStage(many).context),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("lower negatives")));
  EXPECT_THAT(CheckPirl(ToyStage(tiny).context),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("pirl: pictures of 16 pixels")));
}

}  // namespace
}  // namespace pretext
