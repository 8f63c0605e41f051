#include "worker/augment/gaussian_blur.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "worker/augment/test_picture.h"

namespace pretext {
namespace {

// torchvision's kernel in full: nothing cut off.
std::vector<double> SlowKernel(double sigma, int kernel_size) {
  std::vector<double> kernel;
  double sum = 0.0;
  for (int i = 0; i < kernel_size; ++i) {
    const double x = i - (kernel_size - 1) / 2.0;
    kernel.push_back(std::exp(-0.5 * x * x / (sigma * sigma)));
    sum += kernel.back();
  }
  for (double& tap : kernel) tap /= sum;
  return kernel;
}

int Reflected(int i, int size) { return i < 0 ? -i : i >= size ? 2 * size - 2 - i : i; }

std::vector<double> SlowBlur(const std::vector<double>& levels, int size, int channels, double sigma) {
  const std::vector<double> kernel = SlowKernel(sigma, BlurKernelSize(size));
  const int radius = static_cast<int>(kernel.size()) / 2;
  std::vector<double> out;
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x) {
      for (int c = 0; c < channels; ++c) {
        double sum = 0.0;
        for (int i = -radius; i <= radius; ++i) {
          for (int j = -radius; j <= radius; ++j) {
            sum += kernel[i + radius] * kernel[j + radius] *
                   levels[(Reflected(y + i, size) * size + Reflected(x + j, size)) * channels + c];
          }
        }
        out.push_back(sum);
      }
    }
  }
  return out;
}

TEST(GaussianBlurTest, AgreesWithTheFullKernelInDoublePrecision) {
  for (int size : {3, 17, 96}) {
    for (int channels : {1, 3}) {
      const Planes fresh = PlanesOf(NoisePicture(size, size, channels));
      for (double sigma : {0.1, 0.5, 1.0, 2.0}) {
        const std::vector<double> slow = SlowBlur(LevelsOf(fresh), size, channels, sigma);
        for (Simd simd : {Simd::kScalar, BestSimd()}) {
          Planes planes = fresh;
          std::vector<int16_t> scratch;
          GaussianBlur(sigma, &planes, &scratch, simd);
          const std::vector<double> got = LevelsOf(planes);
          double most = 0.0;
          for (size_t i = 0; i < got.size(); ++i) most = std::max(most, std::abs(got[i] - slow[i]));
          EXPECT_LT(most, 0.35) << "size " << size << " sigma " << sigma;
        }
      }
    }
  }
}

TEST(GaussianBlurTest, BothTwinsGiveTheSameBits) {
  for (int size : {5, 33, 64}) {
    Planes scalar = PlanesOf(NoisePicture(size, size, 3)), simd = scalar;
    std::vector<int16_t> scratch;
    GaussianBlur(1.7, &scalar, &scratch, Simd::kScalar);
    GaussianBlur(1.7, &simd, &scratch, BestSimd());
    EXPECT_EQ(LevelsOf(scalar), LevelsOf(simd));
  }
}

TEST(GaussianBlurTest, ThePointBecomesTheKernel) {
  Image image{41, 41, 1, std::vector<uint8_t>(41 * 41)};
  image.pixels[20 * 41 + 20] = 255;
  Planes planes = PlanesOf(image);
  std::vector<int16_t> scratch;
  GaussianBlur(0.8, &planes, &scratch);
  const std::vector<double> kernel = SlowKernel(0.8, BlurKernelSize(41));
  const int radius = static_cast<int>(kernel.size()) / 2;
  for (int x = -radius; x <= radius; ++x) {
    EXPECT_NEAR(planes.row(0, 20)[20 + x] / 64.0, 255 * kernel[radius] * kernel[radius + x], 0.1);
  }
}

TEST(GaussianBlurTest, KeepsAFlatPictureFlat) {
  for (int value : {1, 128, 255}) {
    Planes planes = PlanesOf({64, 64, 1, std::vector<uint8_t>(64 * 64, value)});
    std::vector<int16_t> scratch;
    GaussianBlur(2.0, &planes, &scratch);
    for (double level : LevelsOf(planes)) ASSERT_NEAR(level, value, 0.2);
  }
}

TEST(GaussianBlurTest, TheKernelIsATenthOfTheSideAndOdd) {
  EXPECT_EQ(BlurKernelSize(224), 23);
  EXPECT_EQ(BlurKernelSize(96), 9);
  EXPECT_EQ(BlurKernelSize(32), 3);
  EXPECT_EQ(BlurKernelSize(8), 3);
}

TEST(GaussianBlurTest, TheKernelAddsUpToOne) {
  for (double sigma : {0.3, 1.0, 2.0, 5.0}) {
    const std::vector<int16_t> kernel = BlurKernel(sigma, 23);
    int sum = kernel[0];
    for (size_t r = 1; r < kernel.size(); ++r) sum += 2 * kernel[r];
    EXPECT_GE(sum, 32767);
    EXPECT_LE(sum, 32768);
    EXPECT_TRUE(std::is_sorted(kernel.rbegin(), kernel.rend()));
  }
}

}  // namespace
}  // namespace pretext
