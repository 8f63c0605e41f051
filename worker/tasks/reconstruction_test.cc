#include "worker/tasks/reconstruction.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <thread>

#include "gmock/gmock.h"
#include "proto/cpp/status_matchers.h"
#include "worker/dist/thread_process_group.h"
#include "worker/tasks/autoencoder.h"
#include "worker/tasks/picture_decoder.h"
#include "worker/tasks/pixel_statistics.h"
#include "worker/tasks/toy_stage.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

TEST(PixelStatisticsTest, AreThoseOfAllPicturesHoweverManyRanksLook) {
  const ToyDataset dataset(20, 16);
  TrainContext alone;
  ThreadProcessGroup group;
  alone.process_group = &group;
  ASSERT_OK_AND_ASSIGN(const PixelStatistics found, MeasurePixels(dataset, 20, 16, alone));
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < 20; ++i) {
    const Image image = *dataset.Load(i);
    for (size_t p = 1; p < image.pixels.size(); p += 3) {
      sum += image.pixels[p];
      squares += double{1} * image.pixels[p] * image.pixels[p];
    }
  }
  const double pixels = 20 * 16 * 16;
  EXPECT_NEAR(found.mean[1], sum / pixels, 1e-9);
  EXPECT_NEAR(found.deviation[1], std::sqrt(squares / pixels - found.mean[1] * found.mean[1]), 1e-9);

  const auto exchange = std::make_shared<TensorExchange>(2);
  std::vector<PixelStatistics> of_rank(2);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < 2; ++rank) {
    threads.emplace_back([&, rank] {
      ThreadProcessGroup gang(rank, 2, exchange);
      TrainContext train;
      train.process_group = &gang;
      of_rank[rank] = *MeasurePixels(dataset, 20, 16, train);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const PixelStatistics& other : of_rank) {
    EXPECT_EQ(other.mean, found.mean);
    EXPECT_EQ(other.deviation, found.deviation);
  }
}

TEST(PictureDecoderTest, GivesPicturesOfAnySide) {
  for (const int side : {8, 16, 28, 33, 96}) {
    PictureDecoder decoder(/*features=*/10, /*code_size=*/4, side, /*channels=*/3);
    EXPECT_EQ(decoder.Forward(at::zeros({2, 10})).sizes(), at::IntArrayRef({2, 3, side, side}));
  }
}

// One in the loss is what the data's mean picture costs; the whole data shown, exactly so.
TEST(ReconstructionTest, SayingTheMeanEverywhereCostsTheDatasVariance) {
  v1::TaskSpec spec = SpecOf("autoencoder", 16);
  spec.mutable_autoencoder()->mutable_augment()->set_crop_scale_min(1);
  ToyStage stage(spec);
  ThreadProcessGroup group;
  TrainContext train;
  train.backbone = ToyBackbone();
  train.process_group = &group;
  ASSERT_OK_AND_ASSIGN(const auto task, MakeAutoencoder(stage.context, train));
  ASSERT_OK_AND_ASSIGN(const auto builder, MakeAutoencoderViewBuilder(stage.context));
  {
    at::NoGradGuard no_grad;
    for (at::Tensor& parameter : task->module().parameters()) parameter.zero_();
  }
  ASSERT_OK_AND_ASSIGN(const TaskOutput output, task->Loss(BuildBatch(*builder, stage.dataset, 0, 64)));
  EXPECT_NEAR(output.loss.item<double>(), task->chance_loss(), 0.01);
}

TEST(ReconstructionTest, RefusesACodeThatHoldsTheWholePicture) {
  v1::TaskSpec spec = SpecOf("autoencoder", 16);
  spec.mutable_autoencoder()->set_code_size(16 * 16 * 3);
  EXPECT_THAT(CheckAutoencoder(ToyStage(spec).context),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("lower code_size")));
}

}  // namespace
}  // namespace pretext
