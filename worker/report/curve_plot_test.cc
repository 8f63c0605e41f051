#include "worker/report/curve_plot.h"

#include <cmath>
#include <fstream>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <random>

#include "gtest/gtest.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

// Of a training that falls from `from` to `to` with noise.
std::vector<SeriesPoint> Falling(int steps, double from, double to, double noise, int seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  CondensedSeries series;
  for (int step = 1; step <= steps; ++step) {
    const double share = static_cast<double>(step) / steps;
    series.Add(step, to + (from - to) * std::exp(-4 * share) + noise * normal(random));
  }
  return series.points();
}

Figure LossFigure(int steps) {
  Figure figure;
  figure.title = "pretrain: loss";
  Panel panel;
  panel.title = "loss";
  panel.curves.push_back({"loss", Falling(steps, 8.2, 5.1, 0.15, 1)});
  panel.reference = Reference{"chance", 8.318};
  figure.panels.push_back(panel);
  return figure;
}

cv::Mat Decode(const std::string& png) {
  return cv::imdecode(std::vector<uint8_t>(png.begin(), png.end()), cv::IMREAD_COLOR);
}

// Keeps the picture, for people to look at.
void Keep(const std::string& name, const std::string& png) {
  std::ofstream(testing::TempDir() + "/" + name, std::ios::binary) << png;
}

// Pixels within `distance` of the colour (BGR).
int CountColor(const cv::Mat& image, const cv::Scalar& color, double distance) {
  cv::Mat within;
  cv::inRange(image, color - cv::Scalar::all(distance), color + cv::Scalar::all(distance), within);
  return cv::countNonZero(within);
}

TEST(CurvePlotTest, DrawsALongCurveSmoothedOverItsRawValues) {
  ASSERT_OK_AND_ASSIGN(const std::string png, DrawPng(LossFigure(20'000)));
  Keep("long.png", png);
  const cv::Mat image = Decode(png);
  ASSERT_EQ(image.cols, 1200);
  // The strong line crosses the whole width; its faint ground is larger.
  EXPECT_GT(CountColor(image, {178, 114, 0}, 30), 1500);
  EXPECT_GT(CountColor(image, {233, 216, 184}, 12), 4000);
}

TEST(CurvePlotTest, DrawsAShortCurveWithoutSmoothing) {
  ASSERT_OK_AND_ASSIGN(const std::string png, DrawPng(LossFigure(20)));
  Keep("short.png", png);
  EXPECT_LT(CountColor(Decode(png), {233, 216, 184}, 12), 400);
}

TEST(CurvePlotTest, DrawsPanelsBelowEachOtherAndASingleValueAsADot) {
  Figure figure = LossFigure(300);
  figure.title = "pretrain: everything";
  Panel panel;
  panel.title = "accuracy";
  panel.percent = panel.from_zero = true;
  panel.curves.push_back({"test", {{300, 0.71, 0.71, 0.71, 1}}});
  panel.curves.push_back({"moco", Falling(300, 0.05, 0.62, 0.03, 2)});
  panel.curves.push_back({"rotation", Falling(300, 0.25, 0.8, 0.02, 3)});
  panel.reference = Reference{"chance", 0.1};
  figure.panels.push_back(panel);
  Panel rate;
  rate.title = "images per second";
  rate.from_zero = true;
  rate.curves.push_back({"images per second", Falling(300, 1100, 1450, 60, 4)});
  figure.panels.push_back(rate);
  ASSERT_OK_AND_ASSIGN(const std::string png, DrawPng(figure));
  Keep("panels.png", png);
  const cv::Mat image = Decode(png);
  EXPECT_GT(image.rows, 900);
  for (const cv::Scalar& color : {cv::Scalar(178, 114, 0), cv::Scalar(0, 94, 213), cv::Scalar(115, 158, 0)}) {
    EXPECT_GT(CountColor(image, color, 40), 60);
  }
}

TEST(CurvePlotTest, SurvivesConstantsOutliersEmptyCurvesAndForeignLetters) {
  Figure figure;
  figure.title =
      "st\xC3\xBC"
      "ck: loss";
  Panel panel;
  panel.title = std::string(300, 'w');
  panel.curves.push_back({"constant", Falling(100, 3, 3, 0, 1)});
  panel.curves.push_back({"empty", {}});
  std::vector<SeriesPoint> spiked = Falling(1000, 8, 5, 0.1, 2);
  spiked[10].mean = spiked[10].high = 1e30;
  panel.curves.push_back({"spiked", spiked});
  figure.panels.push_back(panel);
  figure.panels.push_back(Panel());
  ASSERT_OK_AND_ASSIGN(const std::string png, DrawPng(figure));
  Keep("odd.png", png);
  const cv::Mat image = Decode(png);
  EXPECT_EQ(image.cols, 1200);
  // The outlier takes the smoothed line along for a few steps only.
  EXPECT_GT(CountColor(image, {115, 158, 0}, 30), 1500);
}

}  // namespace
}  // namespace pretext
