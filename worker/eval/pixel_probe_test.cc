#include "worker/eval/pixel_probe.h"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

// Two parts of 24 pixels; the answer is which of 4 corners of the second part is a little brighter.
at::Tensor Marked(const at::Tensor& answers, double mark) {
  at::Tensor pictures = at::rand({answers.numel(), 2, 3, 24, 24});
  for (int64_t i = 0; i < answers.numel(); ++i) {
    const int64_t corner = answers[i].item<int64_t>();
    pictures[i][1].narrow(1, corner / 2 * 12, 12).narrow(2, corner % 2 * 12, 12).add_(mark);
  }
  return PixelNumbers(pictures);
}

TEST(PixelNumbersTest, ShrinksPartsAndKeepsSmallOnes) {
  EXPECT_EQ(PixelNumbers(at::rand({2, 1, 3, 64, 64})).sizes(), at::IntArrayRef({2, 3 * 16 * 16}));
  EXPECT_EQ(PixelNumbers(at::rand({2, 9, 3, 64, 64})).sizes(), at::IntArrayRef({2, 9 * 3 * 8 * 8}));
  EXPECT_EQ(PixelNumbers(at::rand({2, 4, 1, 6, 8})).sizes(), at::IntArrayRef({2, 4 * 6 * 8}));
  const at::Tensor pictures = at::rand({2, 1, 1, 32, 32});
  EXPECT_NEAR(PixelNumbers(pictures)[1][17].item<double>(),
              pictures[1][0][0].narrow(0, 2, 2).narrow(1, 2, 2).mean().item<double>(), 1e-6);
}

TEST(PixelProbeTest, SeesAMarkThatTellsTheAnswer) {
  at::manual_seed(1);
  const at::Tensor answers = at::randint(4, {360}, at::kLong);
  ASSERT_OK_AND_ASSIGN(const PixelProbe probe, ProbePixels(Marked(answers, 0.5), answers, 4, 1));
  EXPECT_GT(probe.accuracy, 0.9);
  EXPECT_NEAR(probe.chance, 0.25, 0.1);
  EXPECT_EQ(probe.pictures, 120);
  EXPECT_TRUE(probe.beats_chance());
}

TEST(PixelProbeTest, FindsNothingInNoise) {
  for (const int seed : {1, 2, 3}) {
    at::manual_seed(seed);
    const at::Tensor answers = at::randint(24, {600}, at::kLong);
    ASSERT_OK_AND_ASSIGN(const PixelProbe probe, ProbePixels(Marked(answers % 4, 0), answers, 24, 1));
    EXPECT_LT(probe.accuracy, 0.15);
    EXPECT_FALSE(probe.beats_chance());
  }
}

// 40 examples of each of 12 pictures are no 480 pictures.
TEST(PixelProbeTest, CountsPicturesAndNotExamples) {
  at::manual_seed(1);
  const at::Tensor answers = at::randint(4, {480}, at::kLong);
  ASSERT_OK_AND_ASSIGN(const PixelProbe probe, ProbePixels(Marked(answers, 0.5), answers, 4, 40));
  EXPECT_EQ(probe.pictures, 4);
  EXPECT_NEAR(probe.standard_error, 0.25, 0.01);
  EXPECT_FALSE(probe.beats_chance()) << "four pictures prove nothing";
}

TEST(PixelProbeTest, AlwaysGivingTheCommonestAnswerIsChance) {
  at::manual_seed(1);
  const at::Tensor answers = at::cat({at::zeros({300}, at::kLong), at::randint(2, {60}, at::kLong)})
                                 .index_select(0, at::randint(360, {360}, at::kLong));
  ASSERT_OK_AND_ASSIGN(const PixelProbe probe, ProbePixels(Marked(answers, 0), answers, 2, 1));
  EXPECT_GT(probe.chance, 0.8);
  EXPECT_FALSE(probe.beats_chance());
}

TEST(PixelProbeTest, GivesTheSameEachTime) {
  at::manual_seed(1);
  const at::Tensor answers = at::randint(4, {90}, at::kLong);
  const at::Tensor pictures = Marked(answers, 0.1);
  ASSERT_OK_AND_ASSIGN(const PixelProbe first, ProbePixels(pictures, answers, 4, 1));
  ASSERT_OK_AND_ASSIGN(const PixelProbe second, ProbePixels(pictures, answers, 4, 1));
  EXPECT_EQ(first.accuracy, second.accuracy);
}

TEST(PixelProbeTest, RefusesWhatIsNoQuestion) {
  EXPECT_THAT(ProbePixels(at::rand({2, 8}), at::zeros({2}, at::kLong), 2, 1),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("three pictures")));
  EXPECT_THAT(ProbePixels(at::rand({6, 3, 8, 8}), at::zeros({6}, at::kLong), 2, 1),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("(N, D)")));
}

}  // namespace
}  // namespace pretext
