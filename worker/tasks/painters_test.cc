// What people are shown of each task: the right fields in the right places, and right and wrong answers told
// apart.

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/one_hot.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "gmock/gmock.h"
#include "proto/cpp/status_matchers.h"
#include "worker/dist/thread_process_group.h"
#include "worker/tasks/colorization_painter.h"
#include "worker/tasks/context_prediction.h"
#include "worker/tasks/context_prediction_painter.h"
#include "worker/tasks/holes.h"
#include "worker/tasks/jigsaw.h"
#include "worker/tasks/jigsaw_painter.h"
#include "worker/tasks/match_painters.h"
#include "worker/tasks/reconstruction_painters.h"
#include "worker/tasks/rotation_painter.h"
#include "worker/tasks/spot_artifacts.h"
#include "worker/tasks/toy_stage.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kPictures = 3;

// A network that answers what the test says.
class CannedTask : public PretextTask {
 public:
  explicit CannedTask(std::function<Answers(const Batch&)> answer)
      : answer_(std::move(answer)), module_(std::make_shared<torch::nn::Module>()) {}

  absl::StatusOr<TaskOutput> Loss(const Batch& /*batch*/) override {
    return absl::UnimplementedError("painters ask for answers alone");
  }
  absl::StatusOr<Answers> Answer(const Batch& batch) override { return answer_(batch); }
  PredictionKind predicts() const override { return PredictionKind::kLogits; }
  torch::nn::Module& module() override { return *module_; }
  double chance_loss() const override { return 1; }

 private:
  std::function<Answers(const Batch&)> answer_;
  std::shared_ptr<torch::nn::Module> module_;
};

// Some examples of a task, and what its painter makes of them.
class Painted {
 public:
  explicit Painted(v1::TaskSpec spec, int side = 32) : stage_(std::move(spec), side) {
    const auto builder = *(*FindTask(stage_.context.spec))->make_view_builder(stage_.context);
    batch = BuildBatch(*builder, stage_.dataset, 0, kPictures);
    again = BuildBatch(*builder, stage_.dataset, 0, kPictures, /*step=*/0, /*epoch=*/1);
  }

  std::vector<TileRow> Rows(PretextTask* task = nullptr) {
    at::NoGradGuard no_grad;
    const absl::StatusOr<std::vector<TileRow>> rows =
        (*FindTask(stage_.context.spec))->paint({&stage_.context, &batch, &again, task});
    EXPECT_TRUE(rows.ok()) << rows.status();
    EXPECT_EQ(rows->size(), kPictures);
    return *rows;
  }
  const v1::TaskSpec& spec() const { return stage_.context.spec; }

  Batch batch, again;

 private:
  ToyStage stage_;
};

// Logits (..., classes) that are sure of these classes.
at::Tensor Sure(const at::Tensor& classes, int64_t count) {
  return at::one_hot(classes, count).to(at::kFloat) * 50;
}

void ExpectShows(const Tile& tile, const at::Tensor& picture) {
  const Image wanted = PictureOf(picture);
  EXPECT_EQ(tile.picture.height, wanted.height);
  EXPECT_EQ(tile.picture.pixels, wanted.pixels);
}

TEST(PaintingTest, MosaicsHaveTheirTilesRowByRowWithLinesBetween) {
  const at::Tensor tiles = at::arange(4, at::kByte).view({4, 1, 1, 1}).expand({4, 2, 2, 1}) * 10;
  const Image mosaic = MosaicOf(tiles, {1});
  ASSERT_EQ(mosaic.height, 7);
  const auto at = [&](int y, int x) { return mosaic.pixels[y * mosaic.width + x]; };
  EXPECT_EQ(at(0, 0), 200);
  EXPECT_EQ(at(1, 1), 0);
  EXPECT_EQ(at(1, 4), 10);
  EXPECT_EQ(at(4, 1), 20);
  EXPECT_EQ(at(4, 4), 30);
  EXPECT_EQ(at(2, 3), 20) << "the marked tile's frame";
}

TEST(PaintRotationTest, ShowsFourTurnsAndMarksEachAnswer) {
  Painted painted(SpecOf("rotation", 32));
  EXPECT_THAT(painted.Rows()[0][1].caption, "90 degrees");
  EXPECT_EQ(painted.Rows()[0][1].mark, Mark::kNone);
  // Says "90 degrees" of everything.
  CannedTask task([](const Batch&) {
    return Answers{Sure(at::full({kPictures, 4}, 1, at::kLong), 4).transpose(1, 2), {}};
  });
  const std::vector<TileRow> rows = painted.Rows(&task);
  for (const TileRow& row : rows) {
    ASSERT_EQ(row.size(), 4);
    for (int turn = 0; turn < 4; ++turn) {
      EXPECT_EQ(row[turn].mark, turn == 1 ? Mark::kRight : Mark::kWrong);
      EXPECT_THAT(row[turn].caption, HasSubstr("says 90 degrees (100 %)"));
    }
  }
  ExpectShows(rows[2][0], painted.batch.fields[0][2]);
}

TEST(PaintMocoTest, MarksWhetherAQueryIsMostSimilarToItsKey) {
  Painted painted(SpecOf("moco", 32));
  EXPECT_EQ(painted.Rows()[0].size(), 2);
  const at::Tensor own = at::tensor({1.0f, 0.0f, 0.0f, 0.0f, 1.0f, 0.0f, 0.0f, 0.0f, 1.0f}).view({3, 3});
  CannedTask task([&](const Batch& batch) {
    const bool is_query = at::equal(batch.fields[0], painted.batch.fields[0]);
    return Answers{{}, is_query ? own : own.index_select(0, at::tensor({0, 2, 1}, at::kLong))};
  });
  const std::vector<TileRow> rows = painted.Rows(&task);
  EXPECT_EQ(rows[0][2].mark, Mark::kRight);
  EXPECT_EQ(rows[1][2].mark, Mark::kWrong);
  EXPECT_THAT(rows[1][2].caption, HasSubstr("picture 3 (1.00)"));
  ExpectShows(rows[1][2], painted.batch.fields[1][2]);
  ExpectShows(rows[0][0], painted.batch.fields[0][0]);
  ExpectShows(rows[0][1], painted.batch.fields[1][0]);
}

TEST(PaintInstanceDiscriminationTest, ComparesWithAnotherEpochsView) {
  Painted painted(SpecOf("instance_discrimination", 32));
  const std::vector<TileRow> rows = painted.Rows();
  ExpectShows(rows[1][0], painted.batch.fields[0][1]);
  ExpectShows(rows[1][1], painted.again.fields[0][1]);
}

TEST(PaintPirlTest, ShowsTheShuffledCopyAndAsksAboutItsPartsOneByOne) {
  Painted painted(SpecOf("pirl", 32));
  const int64_t parts = painted.batch.fields[1].size(1);
  CannedTask task([&](const Batch& batch) {
    const int64_t rows = batch.fields[0].size(0);
    // Each picture has a direction of its own, and so have its parts.
    const at::Tensor numbers = rows == kPictures ? at::arange(kPictures, at::kLong)
                                                 : at::arange(kPictures, at::kLong).repeat_interleave(parts);
    return Answers{{}, Sure(numbers, kPictures)};
  });
  const std::vector<TileRow> rows = painted.Rows(&task);
  EXPECT_EQ(rows[0][1].picture.pixels, MosaicOf(painted.batch.fields[1][0]).pixels);
  for (const TileRow& row : rows) EXPECT_EQ(row[2].mark, Mark::kRight);

  v1::TaskSpec turned;
  turned.mutable_pirl()->set_change(v1::PirlSpec::ROTATION);
  Painted copies(WithDefaults(turned, 32));
  ExpectShows(copies.Rows()[0][1], copies.batch.fields[1][0][0]);
}

TEST(PaintJigsawTest, PutsPuzzlesTogetherAsTheyWereAndAsAnswered) {
  Painted painted(SpecOf("jigsaw", 32));
  const std::vector<TileOrder> orders = JigsawOrders(painted.spec().jigsaw());
  const at::Tensor true_orders = painted.batch.fields[1];
  CannedTask task([&](const Batch&) {
    at::Tensor said = true_orders.clone();
    said[1] = (said[1].item<int64_t>() + 1) % static_cast<int64_t>(orders.size());
    return Answers{Sure(said, static_cast<int64_t>(orders.size())), {}};
  });
  const std::vector<TileRow> rows = painted.Rows(&task);
  EXPECT_EQ(rows[0][0].picture.pixels, MosaicOf(painted.batch.fields[0][0]).pixels);
  EXPECT_EQ(rows[0][2].mark, Mark::kRight);
  EXPECT_EQ(rows[0][2].picture.pixels, rows[0][1].picture.pixels);
  EXPECT_THAT(rows[0][2].caption, HasSubstr("9 of 9 tiles in place"));
  EXPECT_EQ(rows[1][2].mark, Mark::kWrong);
  EXPECT_NE(rows[1][2].picture.pixels, rows[1][1].picture.pixels);
  // Put together, the tile that place 0 shows stands where the order says that it came from.
  const TileOrder& order = orders[true_orders[0].item<int64_t>()];
  at::Tensor sorted = at::zeros(painted.batch.fields[0][0].sizes(), at::kByte);
  for (size_t i = 0; i < order.size(); ++i)
    sorted[order[i]] = painted.batch.fields[0][0][static_cast<int64_t>(i)];
  EXPECT_EQ(rows[0][1].picture.pixels, MosaicOf(sorted).pixels);
}

TEST(PaintContextPredictionTest, MarksWhetherTheSideIsRight) {
  Painted painted(SpecOf("context_prediction", 32));
  const std::vector<NeighbourPair> pairs = NeighbourPairs();
  std::vector<int64_t> sides;
  for (const NeighbourPair& pair : pairs) sides.push_back(pair.side);
  const at::Tensor right = at::tensor(sides, at::kLong).expand({kPictures, 40});
  CannedTask knowing([&](const Batch&) { return Answers{Sure(right, 8).transpose(1, 2), {}}; });
  for (const TileRow& row : painted.Rows(&knowing)) {
    ASSERT_EQ(row.size(), 3);
    EXPECT_EQ(row[2].mark, Mark::kRight) << row[2].caption;
  }
  CannedTask mistaken([&](const Batch&) { return Answers{Sure((right + 1) % 8, 8).transpose(1, 2), {}}; });
  for (const TileRow& row : painted.Rows(&mistaken)) EXPECT_EQ(row[2].mark, Mark::kWrong) << row[2].caption;
}

TEST(PaintColorizationTest, ShowsGreyThenTruthThenTheColorsSaid) {
  Painted painted(SpecOf("colorization", 32));
  const at::Tensor bins = painted.batch.fields[1], shares = painted.batch.fields[2];
  CannedTask task([&](const Batch&) {
    const at::Tensor target = at::zeros({kPictures, 8, 8, 313}).scatter(3, bins, shares);
    return Answers{(target.clamp_min(1e-9).log() * 0.38).permute({0, 3, 1, 2}), {}};
  });
  for (const TileRow& row : painted.Rows(&task)) {
    ASSERT_EQ(row.size(), 3);
    const std::vector<uint8_t>& grey = row[0].picture.pixels;
    for (size_t i = 0; i < grey.size(); i += 3) ASSERT_NEAR(grey[i], grey[i + 2], 1);
    EXPECT_NE(row[1].picture.pixels, grey);
    // Who answers with the target's own shares, at the decoder's temperature, gets its colours.
    for (size_t i = 0; i < grey.size(); ++i)
      ASSERT_NEAR(row[1].picture.pixels[i], row[2].picture.pixels[i], 1);
  }
}

TEST(PaintColorizationTest, ShowsPointsAndTheirColors) {
  v1::TaskSpec spec;
  spec.mutable_colorization()->set_method(v1::ColorizationSpec::LARSSON);
  spec.mutable_colorization()->set_points(20);
  Painted painted(WithDefaults(spec, 32));
  CannedTask task([&](const Batch& batch) {
    const at::Tensor shares = at::cat({batch.fields[2], batch.fields[3]}, 1);  // (B, 2 P, 32)
    return Answers{shares.clamp_min(1e-9).log().permute({0, 2, 1}), {}};
  });
  for (const TileRow& row : painted.Rows(&task)) {
    ASSERT_EQ(row.size(), 4);
    EXPECT_THAT(row[1].caption, HasSubstr("20 points"));
    for (size_t i = 0; i < row[2].picture.pixels.size(); ++i) {
      ASSERT_NEAR(row[2].picture.pixels[i], row[3].picture.pixels[i], 1);
    }
  }
}

TEST(PaintReconstructionTest, ShowsWhatGoesInWhatIsWantedAndWhatComesBack) {
  Painted painted(SpecOf("denoising", 32));
  CannedTask task([&](const Batch& batch) {
    return Answers{((batch.fields[1].to(at::kFloat) - 100) / 50).permute({0, 3, 1, 2}), {}};
  });
  task.module().register_buffer("mean", at::full({3}, 100.0));
  task.module().register_buffer("deviation", at::full({3}, 50.0));
  const std::vector<TileRow> rows = painted.Rows(&task);
  ExpectShows(rows[1][0], painted.batch.fields[0][1]);
  ExpectShows(rows[1][1], painted.batch.fields[1][1]);
  EXPECT_EQ(rows[1][2].picture.pixels, rows[1][1].picture.pixels);
  EXPECT_THAT(rows[1][2].caption, HasSubstr("off by 0 grey levels"));
  Painted whole(SpecOf("autoencoder", 32));
  EXPECT_EQ(whole.Rows()[0].size(), 1);
}

TEST(PaintInpaintingTest, FillsTheHoleAloneAndSaysHowFarOffThatIs) {
  Painted painted(SpecOf("inpainting", 32));
  CannedTask task([&](const Batch& batch) {
    return Answers{((batch.fields[0].to(at::kFloat) + 20 - 100) / 50).permute({0, 3, 1, 2}), {}};
  });
  task.module().register_buffer("mean", at::full({3}, 100.0));
  task.module().register_buffer("deviation", at::full({3}, 50.0));
  const std::vector<TileRow> rows = painted.Rows(&task);
  ASSERT_EQ(rows[1].size(), 3);
  ExpectShows(rows[1][1], painted.batch.fields[0][1]);
  EXPECT_THAT(rows[1][2].caption, HasSubstr("off by 20 grey levels"));
  const at::Tensor picture = painted.batch.fields[0][1], missing = painted.batch.fields[1][1].eq(kMissing);
  for (int64_t i = 0; i < 32 * 32; ++i) {
    const bool is_missing = missing.view(-1)[i].item<bool>();
    const int value = picture.reshape(-1)[3 * i].item<int>();
    EXPECT_EQ(rows[1][0].picture.pixels[3 * i], is_missing ? 128 : value);
    EXPECT_EQ(rows[1][2].picture.pixels[3 * i], is_missing ? std::min(value + 20, 255) : value);
  }
  EXPECT_EQ(painted.Rows()[0].size(), 2);
}

TEST(PaintSpotArtifactsTest, ShowsBothOfAPairAndMarksWhatEachIsTakenFor) {
  v1::TaskSpec spec = SpecOf("spot_artifacts", 32);
  spec.mutable_spot_artifacts()->set_width(4);
  Painted painted(spec);
  EXPECT_EQ(painted.Rows()[0].size(), 2);
  ToyStage stage(spec, 32);
  ThreadProcessGroup group;
  TrainContext train;
  train.backbone = ToyBackbone();
  train.process_group = &group;
  ASSERT_OK_AND_ASSIGN(const auto task, MakeSpotArtifacts(stage.context, train));
  train.backbone->eval();
  task->module().eval();
  const std::vector<TileRow> rows = painted.Rows(task.get());
  at::NoGradGuard no_grad;
  const at::Tensor said = task->Answer(painted.batch)->predictions.argmax(1);  // (B, 2)
  const at::Tensor pairs = (PairsShown(task->module(), painted.batch) + 1) * 127.5;
  for (int64_t i = 0; i < kPictures; ++i) {
    ASSERT_EQ(rows[i].size(), 4);
    ExpectShows(rows[i][0], painted.batch.fields[0][i]);
    for (int64_t side = 0; side < 2; ++side) {
      const Tile& tile = rows[i][2 + side];
      ExpectShows(tile, pairs[2 * i + side].permute({1, 2, 0}));
      EXPECT_EQ(tile.mark, said[i][side].item<int64_t>() == side ? Mark::kRight : Mark::kWrong);
      EXPECT_THAT(tile.caption, ::testing::StartsWith(side == 0 ? "decoded whole\nsays" : "repaired\nsays"));
    }
  }
}

}  // namespace
}  // namespace pretext
