#include "worker/tasks/lab.h"

#include <algorithm>
#include <cmath>

#include "gtest/gtest.h"

namespace pretext {
namespace {

struct KnownColor {
  uint8_t red, green, blue;
  Lab lab;
};

// From an independent implementation with the same constants.
constexpr KnownColor kKnown[] = {
    {255, 255, 255, {100, 0, 0}},
    {0, 0, 0, {0, 0, 0}},
    {255, 0, 0, {53.24f, 80.09f, 67.20f}},
    {0, 255, 0, {87.74f, -86.18f, 83.18f}},
    {0, 0, 255, {32.30f, 79.19f, -107.86f}},
};

TEST(LabTest, MatchesKnownColors) {
  for (const KnownColor& known : kKnown) {
    const Lab lab = LabFromSrgb(known.red, known.green, known.blue);
    EXPECT_NEAR(lab.l, known.lab.l, 0.01);
    EXPECT_NEAR(lab.a, known.lab.a, 0.015);
    EXPECT_NEAR(lab.b, known.lab.b, 0.015);
  }
}

TEST(LabTest, GreysHaveNoColor) {
  for (int value = 0; value < 256; ++value) {
    const Lab lab = LabFromSrgb(value, value, value);
    EXPECT_NEAR(lab.a, 0, 0.01);
    EXPECT_NEAR(lab.b, 0, 0.01);
  }
}

TEST(LabTest, ComesBackWithinOneGreyLevel) {
  for (int red = 0; red < 256; red += 15) {
    for (int green = 0; green < 256; green += 15) {
      for (int blue = 0; blue < 256; blue += 15) {
        const auto rgb = SrgbFromLab(LabFromSrgb(red, green, blue));
        EXPECT_NEAR(rgb[0] * 255, red, 0.5);
        EXPECT_NEAR(rgb[1] * 255, green, 0.5);
        EXPECT_NEAR(rgb[2] * 255, blue, 0.5);
      }
    }
  }
}

TEST(LabTest, LightnessAloneIsTheSameWithinAThousandth) {
  for (int red = 0; red < 256; red += 5) {
    for (int green = 0; green < 256; green += 5) {
      for (int blue = 0; blue < 256; blue += 15) {
        ASSERT_NEAR(LightnessFromSrgb(red, green, blue), LabFromSrgb(red, green, blue).l, 1e-3);
      }
    }
  }
  EXPECT_EQ(LightnessFromSrgb(255, 255, 255), LabFromSrgb(255, 255, 255).l);
}

// The extent that the grid of colour bins is made for.
TEST(LabTest, StaysWithinTheExtentOfSrgb) {
  Lab low, high;
  for (int red = 0; red < 256; red += 17) {
    for (int green = 0; green < 256; green += 17) {
      for (int blue = 0; blue < 256; blue += 17) {
        const Lab lab = LabFromSrgb(red, green, blue);
        low.a = std::min(low.a, lab.a), high.a = std::max(high.a, lab.a);
        low.b = std::min(low.b, lab.b), high.b = std::max(high.b, lab.b);
      }
    }
  }
  EXPECT_NEAR(low.a, -86.2, 0.1);
  EXPECT_NEAR(high.a, 98.3, 0.1);
  EXPECT_NEAR(low.b, -107.9, 0.1);
  EXPECT_NEAR(high.b, 94.5, 0.1);
}

}  // namespace
}  // namespace pretext
