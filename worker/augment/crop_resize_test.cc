#include "worker/augment/crop_resize.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"
#include "worker/augment/test_picture.h"

namespace pretext {
namespace {

// One axis in double precision, straight from the definition: a triangle of half-width max(scale, 1) around
// each output's centre.
std::vector<double> SlowWeights(int in_length, int out_length, int output) {
  const double scale = static_cast<double>(in_length) / out_length;
  const double support = std::max(scale, 1.0);
  std::vector<double> weights(in_length);
  double sum = 0.0;
  for (int i = 0; i < in_length; ++i) {
    weights[i] = std::max(0.0, 1.0 - std::abs(i + 0.5 - (output + 0.5) * scale) / support);
    sum += weights[i];
  }
  for (double& weight : weights) weight /= sum;
  return weights;
}

std::vector<double> SlowResize(const Image& image, const CropBox& box, int size) {
  std::vector<double> out;
  for (int y = 0; y < size; ++y) {
    const std::vector<double> rows = SlowWeights(box.height, size, y);
    for (int x = 0; x < size; ++x) {
      const std::vector<double> columns = SlowWeights(box.width, size, x);
      for (int c = 0; c < image.channels; ++c) {
        double sum = 0.0;
        for (int i = 0; i < box.height; ++i) {
          if (rows[i] == 0.0) continue;
          for (int j = 0; j < box.width; ++j) {
            if (columns[j] == 0.0) continue;
            sum += rows[i] * columns[j] * image.row(box.top + i)[(box.left + j) * image.channels + c];
          }
        }
        out.push_back(sum);
      }
    }
  }
  return out;
}

double Furthest(const std::vector<double>& a, const std::vector<double>& b) {
  EXPECT_EQ(a.size(), b.size());
  double most = 0.0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

struct Case {
  CropBox box;
  int size;
};

class CropResizeTest : public testing::TestWithParam<Case> {};

TEST_P(CropResizeTest, AgreesWithTheDefinitionInDoublePrecision) {
  const auto& [box, size] = GetParam();
  for (int channels : {1, 3}) {
    const Image image = NoisePicture(90, 120, channels);
    const std::vector<double> slow = SlowResize(image, box, size);
    for (Simd simd : {Simd::kScalar, BestSimd()}) {
      Planes planes;
      CropResizer(simd).Resize(image, box, size, &planes);
      EXPECT_LT(Furthest(LevelsOf(planes), slow), 0.06) << channels << " channels";
    }
  }
}

TEST_P(CropResizeTest, BothTwinsGiveTheSameBits) {
  const auto& [box, size] = GetParam();
  for (int channels : {1, 3}) {
    const Image image = NoisePicture(90, 120, channels);
    Planes scalar, simd;
    CropResizer(Simd::kScalar).Resize(image, box, size, &scalar);
    CropResizer(BestSimd()).Resize(image, box, size, &simd);
    for (int c = 0; c < channels; ++c) {
      EXPECT_TRUE(std::equal(scalar.plane(c), scalar.plane(c) + scalar.plane_values(), simd.plane(c)));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Boxes, CropResizeTest,
                         testing::Values(Case{{0, 0, 90, 120}, 32}, Case{{5, 7, 60, 41}, 32},
                                         Case{{0, 0, 90, 120}, 7}, Case{{80, 110, 10, 10}, 33},
                                         Case{{89, 119, 1, 1}, 16}, Case{{10, 0, 3, 120}, 24},
                                         Case{{30, 30, 48, 48}, 48}, Case{{0, 115, 90, 5}, 17}));

TEST(CropResizerTest, KeepsAFlatPictureFlat) {
  for (int value : {0, 1, 127, 200, 255}) {
    const Image image{50, 70, 3, std::vector<uint8_t>(50 * 70 * 3, value)};
    for (int size : {5, 50, 64}) {
      Planes planes;
      CropResizer().Resize(image, {3, 4, 40, 60}, size, &planes);
      for (double level : LevelsOf(planes)) ASSERT_NEAR(level, value, 2.0 / kPixelOne) << size;
    }
  }
}

TEST(CropResizerTest, AnEqualSizeCopies) {
  const Image image = NoisePicture(40, 40, 3);
  Planes planes;
  CropResizer().Resize(image, {0, 0, 40, 40}, 40, &planes);
  EXPECT_EQ(LevelsOf(planes), LevelsOf(PlanesOf(image)));
}

TEST(CropResizerTest, HalvingAveragesWithTheTriangle) {
  Image image{2, 4, 1, {0, 40, 80, 120, 0, 40, 80, 120}};
  Planes planes;
  CropResizer().Resize(image, {0, 0, 2, 4}, 2, &planes);
  // Weights of the first column: 3/4 * (1, 1) and 1/4, over their sum 7/4.
  EXPECT_NEAR(LevelsOf(planes)[0], (0.75 * 0 + 0.75 * 40 + 0.25 * 80) / 1.75, 0.03);
}

TEST(CropResizerTest, TheCentreIsCutFromTheResizedPicture) {
  const Image image = NoisePicture(60, 100, 3);
  Planes planes;
  CropResizer().ResizeCenter(image, 30, 24, &planes);
  // The whole picture becomes 30 x 50; the centre begins at row 3, column 13.
  std::vector<double> slow;
  for (int y = 3; y < 27; ++y) {
    const std::vector<double> rows = SlowWeights(60, 30, y);
    for (int x = 13; x < 37; ++x) {
      const std::vector<double> columns = SlowWeights(100, 50, x);
      for (int c = 0; c < 3; ++c) {
        double sum = 0.0;
        for (int i = 0; i < 60; ++i) {
          for (int j = 0; j < 100; ++j) sum += rows[i] * columns[j] * image.row(i)[3 * j + c];
        }
        slow.push_back(sum);
      }
    }
  }
  EXPECT_LT(Furthest(LevelsOf(planes), slow), 0.06);
}

TEST(CropResizerTest, AHugeReductionStaysTrue) {
  Image image{3000, 2, 1, {}};
  for (int i = 0; i < 6000; ++i) image.pixels.push_back(static_cast<uint8_t>(i / 2 * 255 / 2999));
  Planes planes;
  CropResizer().Resize(image, {0, 0, 3000, 2}, 2, &planes);
  // The ramp's mean under the triangle around a quarter of it, cut at the border.
  const std::vector<double> weights = SlowWeights(3000, 2, 0);
  double want = 0.0;
  for (int i = 0; i < 3000; ++i) want += weights[i] * image.pixels[2 * i];
  EXPECT_NEAR(LevelsOf(planes)[0], want, 1.0);
}

}  // namespace
}  // namespace pretext
