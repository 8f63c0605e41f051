#include "worker/augment/color_jitter.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "worker/augment/test_picture.h"

namespace pretext {
namespace {

using Color = std::array<double, 3>;  // 0 .. 255

double Luma(const Color& c) { return 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2]; }
double Clamped(double x) { return std::min(std::max(x, 0.0), 255.0); }

// Textbook conversion, with all its cases.
Color ShiftedHue(const Color& c, double turns) {
  const double value = std::max({c[0], c[1], c[2]}), low = std::min({c[0], c[1], c[2]});
  const double chroma = value - low;
  if (chroma == 0.0) return c;
  double hue = value == c[0]   ? (c[1] - c[2]) / chroma / 6.0
               : value == c[1] ? 1.0 / 3.0 + (c[2] - c[0]) / chroma / 6.0
                               : 2.0 / 3.0 + (c[0] - c[1]) / chroma / 6.0;
  hue += turns + 2.0;
  hue -= std::floor(hue);
  const double saturation = chroma / value;
  const int sector = static_cast<int>(hue * 6.0) % 6;
  const double f = hue * 6.0 - std::floor(hue * 6.0);
  const double p = value * (1.0 - saturation);
  const double q = value * (1.0 - saturation * f);
  const double t = value * (1.0 - saturation * (1.0 - f));
  const Color sectors[6] = {{value, t, p}, {q, value, p}, {p, value, t},
                            {p, q, value}, {t, p, value}, {value, p, q}};
  return sectors[sector];
}

std::vector<Color> SlowJitter(std::vector<Color> pixels, const std::vector<ColorStep>& steps) {
  for (const ColorStep& step : steps) {
    const double f = step.amount;
    double mean = 0.0;
    for (const Color& pixel : pixels) mean += Luma(pixel) / pixels.size();
    for (Color& pixel : pixels) {
      const double luma = Luma(pixel);
      if (step.operation == ColorOperation::kHue) {
        pixel = ShiftedHue(pixel, f);
        continue;
      }
      for (double& c : pixel) {
        const double other = step.operation == ColorOperation::kBrightness ? 0.0
                             : step.operation == ColorOperation::kContrast ? mean
                                                                           : luma;
        c = Clamped(f * c + (1.0 - f) * other);
      }
    }
  }
  return pixels;
}

std::vector<Color> Colors(const std::vector<double>& levels) {
  std::vector<Color> colors;
  for (size_t i = 0; i < levels.size(); i += 3) colors.push_back({levels[i], levels[i + 1], levels[i + 2]});
  return colors;
}

double Furthest(const std::vector<Color>& a, const std::vector<Color>& b) {
  EXPECT_EQ(a.size(), b.size());
  double most = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    for (int c = 0; c < 3; ++c) most = std::max(most, std::abs(a[i][c] - b[i][c]));
  }
  return most;
}

constexpr ColorOperation kAll[] = {ColorOperation::kBrightness, ColorOperation::kContrast,
                                   ColorOperation::kSaturation, ColorOperation::kHue};

TEST(ColorJitterTest, EveryOrderAgreesWithDoublePrecision) {
  const Planes fresh = PlanesOf(NoisePicture(37, 37, 3));
  std::array<int, 4> order = {0, 1, 2, 3};
  Rng rng({5});
  do {
    std::vector<ColorStep> steps;
    for (int i : order) {
      const double amount = kAll[i] == ColorOperation::kHue ? rng.Uniform(-0.5, 0.5) : rng.Uniform(0.4, 1.6);
      steps.push_back({kAll[i], static_cast<float>(amount)});
    }
    const std::vector<Color> slow = SlowJitter(Colors(LevelsOf(fresh)), steps);
    for (Simd simd : {Simd::kScalar, BestSimd()}) {
      Planes planes = fresh;
      ColorJitter(steps, &planes, simd);
      EXPECT_LT(Furthest(Colors(LevelsOf(planes)), slow), 0.06);
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(ColorJitterTest, BrightnessMultipliesAndStopsAtWhite) {
  Planes planes = PlanesOf({1, 1, 3, {10, 100, 200}});
  ColorJitter({{ColorOperation::kBrightness, 1.5f}}, &planes);
  EXPECT_EQ(LevelsOf(planes), (std::vector<double>{15, 150, 255}));
}

TEST(ColorJitterTest, NoContrastLeavesTheMeanLuma) {
  Planes planes = PlanesOf({2, 2, 3, {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255}});
  ColorJitter({{ColorOperation::kContrast, 0.0f}}, &planes);
  for (double level : LevelsOf(planes)) EXPECT_NEAR(level, 2 * 255 / 4.0, 0.02);
}

TEST(ColorJitterTest, NoSaturationLeavesThePixelsLuma) {
  Planes planes = PlanesOf({1, 1, 3, {255, 100, 10}});
  ColorJitter({{ColorOperation::kSaturation, 0.0f}}, &planes);
  for (double level : LevelsOf(planes)) EXPECT_NEAR(level, 0.299 * 255 + 0.587 * 100 + 0.114 * 10, 0.02);
}

TEST(ColorJitterTest, AThirdOfATurnMakesRedGreenAndGreenBlue) {
  for (Simd simd : {Simd::kScalar, BestSimd()}) {
    Planes planes = PlanesOf({2, 2, 3, {255, 0, 0, 0, 200, 0, 0, 0, 90, 70, 70, 70}});
    ColorJitter({{ColorOperation::kHue, 1.0f / 3}}, &planes, simd);
    const std::vector<double> want = {0, 255, 0, 0, 0, 200, 90, 0, 0, 70, 70, 70};
    const std::vector<double> got = LevelsOf(planes);
    for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 0.02);
  }
}

TEST(ColorJitterTest, OneChannelKnowsBrightnessAndContrastAlone) {
  ViewParameters view;
  view.jitter = true;
  view.brightness = view.contrast = view.saturation = 0.5;
  view.hue = 0.2;
  ASSERT_EQ(ColorSteps(view, 3).size(), 4u);
  const std::vector<ColorStep> steps = ColorSteps(view, 1);
  ASSERT_EQ(steps.size(), 2u);
  for (Simd simd : {Simd::kScalar, BestSimd()}) {
    Planes planes = PlanesOf({2, 2, 1, {0, 100, 200, 100}});
    ColorJitter(steps, &planes, simd);
    EXPECT_EQ(LevelsOf(planes), (std::vector<double>{25, 50, 75, 50}));
  }
}

TEST(ColorJitterTest, StepsThatChangeNothingAreLeftOut) {
  ViewParameters view;
  EXPECT_TRUE(ColorSteps(view, 3).empty());
  view.jitter = true;
  EXPECT_TRUE(ColorSteps(view, 3).empty());
}

}  // namespace
}  // namespace pretext
