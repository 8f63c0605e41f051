#include "worker/tasks/colorized_picture.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "gtest/gtest.h"
#include "worker/tasks/color_bins.h"
#include "worker/tasks/colorization_view_builder.h"
#include "worker/tasks/lab.h"

namespace pretext {
namespace {

constexpr int kSide = 12;

// A picture whose colours change slowly from left to right and whose lightness does so downwards.
std::vector<uint8_t> SlowPicture() {
  std::vector<uint8_t> rgb;
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      for (const float channel : SrgbFromLab({40.0f + 2 * y, 3.0f * x - 10, 20.0f - 2 * x})) {
        rgb.push_back(static_cast<uint8_t>(std::lround(channel * 255)));
      }
    }
  }
  return rgb;
}

at::Tensor LightnessOf(const std::vector<uint8_t>& rgb) {
  const at::Tensor lightness = at::zeros({kSide, kSide, 1});
  for (int i = 0; i < kSide * kSide; ++i) {
    lightness.mutable_data_ptr<float>()[i] = LabFromSrgb(rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]).l;
  }
  return lightness;
}

int LargestDifference(const at::Tensor& picture, const std::vector<uint8_t>& rgb, int rows_and_columns) {
  int largest = 0;
  for (int y = 0; y < rows_and_columns; ++y) {
    for (int x = 0; x < rows_and_columns; ++x) {
      for (int c = 0; c < 3; ++c) {
        const int painted = picture.const_data_ptr<uint8_t>()[(y * kSide + x) * 3 + c];
        largest = std::max(largest, std::abs(painted - rgb[(y * kSide + x) * 3 + c]));
      }
    }
  }
  return largest;
}

TEST(ColorizedPictureTest, GivesBackAPictureWhoseColorsChangeSlowly) {
  const std::vector<uint8_t> rgb = SlowPicture();
  const std::vector<Lab> cells = CellColors(rgb, kSide);
  const at::Tensor ab = at::zeros({2, 3, 3});
  for (int i = 0; i < 9; ++i) {
    ab.mutable_data_ptr<float>()[i] = cells[i].a;
    ab.mutable_data_ptr<float>()[9 + i] = cells[i].b;
  }
  // Beyond the last cell, in row and column 8, colours stay as they are there.
  EXPECT_LE(LargestDifference(ColorizeCells(LightnessOf(rgb), ab), rgb, 9), 2);
}

// From the fields that a network is trained on to a picture: the bins' sharing loses little.
TEST(ColorizedPictureTest, BinsHoldNearlyTheColorsTheyWereMadeOf) {
  const std::vector<uint8_t> rgb = SlowPicture();
  const std::vector<Lab> cells = CellColors(rgb, kSide);
  const ColorEncoder encoder(/*neighbours=*/5, /*sigma=*/5);
  const at::Tensor bins = at::zeros({3, 3, 5}, at::kLong), weights = at::zeros({3, 3, 5});
  for (int i = 0; i < 9; ++i) {
    encoder.Encode(cells[i].a, cells[i].b, {bins.mutable_data_ptr<int64_t>() + 5 * i, 5},
                   {weights.mutable_data_ptr<float>() + 5 * i, 5});
  }
  const at::Tensor ab = MeanOfBins(bins, weights);
  ASSERT_EQ(ab.sizes(), at::IntArrayRef({2, 3, 3}));
  for (int i = 0; i < 9; ++i) {
    EXPECT_NEAR(ab.reshape({2, 9})[0][i].item<float>(), cells[i].a, 3);
    EXPECT_NEAR(ab.reshape({2, 9})[1][i].item<float>(), cells[i].b, 3);
  }
}

TEST(ColorizedPictureTest, EqualScoresGiveTheMiddleOfAllBins) {
  const at::Tensor ab = AnnealedMean(at::zeros({1, kColorBins, 3, 3}))[0];
  EXPECT_LT((ab - ColorBinCenters().mean(0).view({2, 1, 1})).abs().max().item<float>(), 1e-3);
}

TEST(ColorizedPictureTest, PointsHaveTheirColorAndWhatLiesNearThemNearlyToo) {
  const at::Tensor lightness = at::full({kSide, kSide, 1}, 50.0);
  const at::Tensor points = at::tensor({2, 2, 9, 9}, at::kLong).view({2, 2});
  const std::vector<HueChroma> colors = {{0.0f, 0.5f}, {0.5f, 0.5f}};  // red and cyan
  const at::Tensor picture = ColorizePoints(lightness, points, colors);
  const auto chroma_at = [](const at::Tensor& rgb, int y, int x) {
    const uint8_t* p = rgb.const_data_ptr<uint8_t>() + (y * kSide + x) * 3;
    return HueChromaFromRgb(p[0], p[1], p[2]);
  };
  EXPECT_NEAR(chroma_at(picture, 2, 2).chroma, 0.5, 0.01);
  EXPECT_NEAR(chroma_at(picture, 9, 9).hue, 0.5, 0.01);
  EXPECT_NEAR(chroma_at(picture, 8, 9).hue, 0.5, 0.01);
  EXPECT_LT(chroma_at(picture, 5, 6).chroma, 0.2);  // between both, which are opposite

  const at::Tensor dots = DotPoints(lightness, points, colors);
  EXPECT_NEAR(chroma_at(dots, 2, 2).chroma, 0.5, 0.01);
  EXPECT_EQ(chroma_at(dots, 2, 3).chroma, 0);  // small pictures have dots of one pixel
}

TEST(ColorizedPictureTest, DecodesThePointsInOrder) {
  const at::Tensor hue = at::zeros({2, kHueChromaBins}), chroma = at::zeros({2, kHueChromaBins});
  hue[0][3] = 1, hue[1][20] = 1, chroma[0][10] = 1, chroma[1][0] = 1;
  const std::vector<HueChroma> colors = DecodePoints(hue, chroma);
  ASSERT_EQ(colors.size(), 2);
  EXPECT_NEAR(colors[0].hue, 3.5 / 32, 1e-6);
  EXPECT_NEAR(colors[0].chroma, 10.5 / 32, 1e-6);
  EXPECT_NEAR(colors[1].hue, 20.5 / 32, 1e-6);
  EXPECT_NEAR(colors[1].chroma, 0.5 / 32, 1e-6);
}

}  // namespace
}  // namespace pretext
