#include "worker/tasks/hue_chroma.h"

#include <cmath>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"
#include "worker/tasks/lab.h"

namespace pretext {
namespace {

std::array<float, kHueChromaBins> OneHot(int bin) {
  std::array<float, kHueChromaBins> shares = {};
  shares[bin] = 1;
  return shares;
}

std::array<float, kHueChromaBins> Uniform() {
  std::array<float, kHueChromaBins> shares;
  shares.fill(1.0f / kHueChromaBins);
  return shares;
}

TEST(HueChromaTest, IsThatOfHsv) {
  EXPECT_FLOAT_EQ(HueChromaFromRgb(255, 0, 0).hue, 0);
  EXPECT_FLOAT_EQ(HueChromaFromRgb(255, 255, 0).hue, 1.0f / 6);
  EXPECT_FLOAT_EQ(HueChromaFromRgb(0, 255, 0).hue, 1.0f / 3);
  EXPECT_FLOAT_EQ(HueChromaFromRgb(0, 0, 255).hue, 2.0f / 3);
  EXPECT_FLOAT_EQ(HueChromaFromRgb(255, 0, 51).hue, 29.0f / 30);
  EXPECT_FLOAT_EQ(HueChromaFromRgb(100, 100, 49).chroma, 0.2f);
  EXPECT_EQ(HueChromaFromRgb(77, 77, 77).chroma, 0);
  EXPECT_EQ(HueChromaFromRgb(77, 77, 77).hue, 0);
}

TEST(HueChromaTest, OneFallsIntoTheLastBin) {
  EXPECT_EQ(HueChromaBin(0), 0);
  EXPECT_EQ(HueChromaBin(0.03124f), 0);
  EXPECT_EQ(HueChromaBin(0.03125f), 1);
  EXPECT_EQ(HueChromaBin(1), 31);
}

TEST(HueChromaTest, CountsThePixelsOfItsSquareAlone) {
  const int side = 7;
  std::vector<uint8_t> rgb(side * side * 3, 0);
  const auto paint = [&](int row, int column, int channel) {
    rgb[(row * side + column) * 3 + channel] = 255;
  };
  paint(2, 3, 0);  // red, within
  paint(4, 4, 1);  // green, within
  paint(3, 3, 1);  // green, the middle
  paint(1, 1, 2);  // blue, outside
  const HueChromaHistograms counted = CountHueChroma(rgb, side, 3, 3, 3);
  EXPECT_FLOAT_EQ(counted.chroma[31], 3.0f / 9);
  EXPECT_FLOAT_EQ(counted.chroma[0], 6.0f / 9);
  EXPECT_FLOAT_EQ(counted.hue[0], 1.0f / 3);  // of the coloured ones
  EXPECT_FLOAT_EQ(counted.hue[10], 2.0f / 3);
  EXPECT_FLOAT_EQ(std::accumulate(counted.hue.begin(), counted.hue.end(), 0.0f), 1);
  EXPECT_EQ(CountHueChroma(rgb, side, 3, 3, 1).hue, OneHot(10));
}

TEST(HueChromaTest, GreyPixelsHaveAnyHue) {
  const std::vector<uint8_t> rgb(3 * 3 * 3, 90);
  EXPECT_EQ(CountHueChroma(rgb, 3, 1, 1, 3).hue, Uniform());
  EXPECT_EQ(CountHueChroma(rgb, 3, 1, 1, 3).chroma, OneHot(0));
}

TEST(HueChromaTest, ChromaCountsFullyInMiddleLightnessOnly) {
  EXPECT_EQ(ChromaWeight(0), 0);
  EXPECT_EQ(ChromaWeight(1), 0);
  for (const float lightness : {0.34f, 0.5f, 0.66f}) EXPECT_EQ(ChromaWeight(lightness), 1);
  EXPECT_FLOAT_EQ(ChromaWeight(0.1f), 0.3f);
  EXPECT_FLOAT_EQ(ChromaWeight(0.9f), 0.3f);
  EXPECT_EQ(ChromaWeight(1.01f), 0);
}

TEST(DecodeHueChromaTest, OneBinIsItsMiddle) {
  for (int bin = 0; bin < kHueChromaBins; ++bin) {
    const HueChroma color = DecodeHueChroma(OneHot(bin), OneHot(bin));
    EXPECT_NEAR(color.hue, (bin + 0.5) / 32, 1e-6);
    EXPECT_NEAR(color.chroma, (bin + 0.5) / 32, 1e-6);
  }
}

TEST(DecodeHueChromaTest, HuesLieOnACircle) {
  std::array<float, kHueChromaBins> around_red = {};
  around_red[0] = around_red[31] = 0.5f;
  const float hue = DecodeHueChroma(around_red, OneHot(16)).hue;
  EXPECT_NEAR(std::min(hue, 1 - hue), 0, 1e-6);
}

TEST(DecodeHueChromaTest, ChromaIsTheInterpolatedMedian) {
  std::array<float, kHueChromaBins> chroma = {};
  chroma[4] = 0.25f;
  chroma[8] = 0.5f;
  chroma[30] = 0.25f;
  EXPECT_NEAR(DecodeHueChroma(OneHot(0), chroma).chroma, 8.5 / 32, 1e-6);
  chroma[4] = 0.4f;
  chroma[30] = 0.1f;
  EXPECT_NEAR(DecodeHueChroma(OneHot(0), chroma).chroma, 8.2 / 32, 1e-6);
}

TEST(DecodeHueChromaTest, FadesWhereNoHueIsMeant) {
  EXPECT_NEAR(DecodeHueChroma(Uniform(), OneHot(20)).chroma, 0, 1e-6);
  std::array<float, kHueChromaBins> faint = Uniform();
  for (float& share : faint) share *= 0.985f;
  faint[5] += 0.015f;  // half of what is sure
  EXPECT_NEAR(DecodeHueChroma(faint, OneHot(20)).chroma, 20.5 / 32 / 2, 1e-3);
}

TEST(RgbFromHueChromaTest, ComesBackWithinOneGreyLevel) {
  for (int red = 0; red < 256; red += 51) {
    for (int green = 0; green < 256; green += 51) {
      for (int blue = 0; blue < 256; blue += 51) {
        const auto rgb =
            RgbFromHueChroma(HueChromaFromRgb(red, green, blue), LabFromSrgb(red, green, blue).l);
        EXPECT_NEAR(rgb[0] * 255, red, 0.5) << red << " " << green << " " << blue;
        EXPECT_NEAR(rgb[1] * 255, green, 0.5) << red << " " << green << " " << blue;
        EXPECT_NEAR(rgb[2] * 255, blue, 0.5) << red << " " << green << " " << blue;
      }
    }
  }
}

TEST(RgbFromHueChromaTest, KeepsTheLightnessWhereNoColorIsSoVivid) {
  for (const double lightness : {0.0, 3.0, 50.0, 97.0, 100.0}) {
    for (const float hue : {0.0f, 0.17f, 0.34f, 0.66f, 0.99f}) {
      const auto rgb = RgbFromHueChroma({hue, 1}, static_cast<float>(lightness));
      EXPECT_NEAR(LightnessFromSrgb({rgb[0], rgb[1], rgb[2]}), lightness, 0.05) << hue;
    }
  }
}

}  // namespace
}  // namespace pretext
