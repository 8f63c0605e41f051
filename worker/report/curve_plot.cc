#include "worker/report/curve_plot.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "absl/strings/str_cat.h"
#include "worker/report/axis_scale.h"
#include "worker/report/smoothing.h"

namespace pretext {
namespace {

// Everything is drawn at twice its size and then scaled down, which makes letters and slanted lines smooth.
// Lengths below are in pixels of the drawing.
constexpr int kOversampling = 2;
constexpr int kWidth = 2400;
constexpr int kLeft = 190;
constexpr int kRight = 70;
constexpr int kTitle = 110;      // height of the figure's title
constexpr int kHeader = 100;     // of a panel's title and legend
constexpr int kFooter = 130;     // of the horizontal axis' labels
constexpr int kOnlyPanel = 900;  // height of the axes
constexpr int kPanel = 560;      // of each, where there are several
constexpr int kGap = 40;         // below a panel that another one follows
constexpr int kMargin = 12;      // around the axes
constexpr int kSubpixelBits = 4;

const cv::Scalar kInk(60, 50, 45);
const cv::Scalar kQuiet(130, 122, 118);
const cv::Scalar kGrid(232, 229, 227);
const cv::Scalar kFrame(176, 170, 166);

// Told apart by people who do not see all colours (Okabe & Ito 2008), dark enough on white; BGR.
const cv::Scalar kColors[] = {{178, 114, 0}, {0, 94, 213}, {115, 158, 0},  {167, 121, 204},
                              {0, 140, 216}, {70, 70, 70}, {200, 160, 40}, {60, 60, 150}};

enum class Align { kLeft, kCenter, kRight };

struct Font {
  int face = cv::FONT_HERSHEY_SIMPLEX;
  double scale = 1;
  int thickness = 2;
};
const Font kFigureFont{cv::FONT_HERSHEY_DUPLEX, 1.55, 3};
const Font kPanelFont{cv::FONT_HERSHEY_DUPLEX, 1.15, 2};
const Font kLabelFont{cv::FONT_HERSHEY_SIMPLEX, 1.05, 2};

int TextWidth(const std::string& text, const Font& font) {
  int baseline = 0;
  return cv::getTextSize(text, font.face, font.scale, font.thickness, &baseline).width;
}

// `at` is on the text's base line. OpenCV's letters are ASCII: others are shown as '?'.
void DrawText(cv::Mat& canvas, std::string text, cv::Point at, const Font& font, const cv::Scalar& color,
              Align align = Align::kLeft) {
  for (char& letter : text) {
    if (letter < ' ' || letter > '~') letter = '?';
  }
  if (align != Align::kLeft) at.x -= TextWidth(text, font) / (align == Align::kCenter ? 2 : 1);
  cv::putText(canvas, text, at, font.face, font.scale, color, font.thickness, cv::LINE_AA);
}

// Where values are on the canvas.
struct Axes {
  cv::Rect area;
  AxisScale x;
  AxisScale y;

  double ToX(double value) const { return area.x + area.width * (value - x.low) / (x.high - x.low); }
  double ToY(double value) const { return area.y + area.height * (1 - (value - y.low) / (y.high - y.low)); }
  cv::Point ToSubpixel(double at_x, double at_y) const {
    constexpr double kUnit = 1 << kSubpixelBits;
    // Far outside is outside: sub-pixels must fit an int.
    const double pixel_y = std::clamp(ToY(at_y), area.y - 1e4, area.y + area.height + 1e4);
    return cv::Point(cvRound(ToX(at_x) * kUnit), cvRound(pixel_y * kUnit));
  }
};

AxisScale XScale(const Figure& figure) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const Panel& panel : figure.panels) {
    for (const Curve& curve : panel.curves) {
      if (curve.points.empty()) continue;
      low = std::min(low, curve.points.front().x);
      high = std::max(high, curve.points.back().x);
    }
  }
  if (!(low <= high)) low = 0, high = 1;
  if (low > 0 && low < 0.1 * high) low = 0;
  AxisScale scale = MakeAxisScale(low, high, 8, /*round_ends=*/false);
  // 19,996 steps had better end at 20k.
  const double next = std::ceil(high / scale.spacing) * scale.spacing;
  if (next > high && next - high < 0.01 * (high - low)) {
    scale.high = next;
    scale.ticks.push_back(next);
  }
  return scale;
}

// What the vertical axis must show: all values but the most extreme hundredth at either end, so that one
// outlier does not flatten the rest.
AxisScale YScale(const Panel& panel) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const Curve& curve : panel.curves) {
    std::vector<double> lows, highs;
    for (const SeriesPoint& point : curve.points) {
      lows.push_back(point.low);
      highs.push_back(point.high);
    }
    if (lows.empty()) continue;
    const size_t extreme = lows.size() / 100;
    std::nth_element(lows.begin(), lows.begin() + extreme, lows.end());
    std::nth_element(highs.begin(), highs.end() - 1 - extreme, highs.end());
    low = std::min(low, lows[extreme]);
    high = std::max(high, highs[highs.size() - 1 - extreme]);
  }
  if (panel.reference.has_value()) {
    low = std::min(low, panel.reference->value);
    high = std::max(high, panel.reference->value);
  }
  if (!(low <= high)) low = 0, high = 1;
  // An axis that nearly reaches 0 had better begin there.
  if (panel.from_zero || (low > 0 && low < 0.35 * high)) low = std::min(low, 0.0);
  if (panel.from_zero && high <= 0) high = 1;
  return MakeAxisScale(low, high, 5, /*round_ends=*/true);
}

std::string ShowTick(double value, double spacing, bool percent) {
  return percent ? absl::StrCat(FormatTick(100 * value, 100 * spacing), " %") : FormatTick(value, spacing);
}

std::string ShowValue(double value, bool percent) {
  return percent ? absl::StrCat(FormatValue(std::round(1000 * value) / 10), " %") : FormatValue(value);
}

void DrawGrid(cv::Mat& canvas, const Axes& axes, bool percent, bool label_x) {
  const int bottom = axes.area.y + axes.area.height;
  for (const double tick : axes.y.ticks) {
    const int y = cvRound(axes.ToY(tick));
    cv::line(canvas, {axes.area.x, y}, {axes.area.x + axes.area.width, y}, kGrid, 2);
    DrawText(canvas, ShowTick(tick, axes.y.spacing, percent), {axes.area.x - 20, y + 12}, kLabelFont, kQuiet,
             Align::kRight);
  }
  for (const double tick : axes.x.ticks) {
    const int x = cvRound(axes.ToX(tick));
    cv::line(canvas, {x, axes.area.y}, {x, bottom}, kGrid, 2);
    if (label_x) {
      DrawText(canvas, FormatTick(tick, axes.x.spacing), {x, bottom + 48}, kLabelFont, kQuiet,
               Align::kCenter);
    }
  }
  cv::line(canvas, {axes.area.x, bottom}, {axes.area.x + axes.area.width, bottom}, kFrame, 3);
}

void DrawReference(cv::Mat& canvas, const Axes& axes, const Panel& panel) {
  const int y = cvRound(axes.ToY(panel.reference->value));
  const int end = axes.area.x + axes.area.width;
  for (int x = axes.area.x; x < end; x += 34) {
    cv::line(canvas, {x, y}, {std::min(x + 20, end), y}, kQuiet, 3, cv::LINE_AA);
  }
}

void DrawRaw(cv::Mat& canvas, const Axes& axes, const Curve& curve, const cv::Scalar& color) {
  cv::Mat tinted = canvas.clone();
  std::vector<cv::Point> line, band, back;
  bool merged = false;
  for (const SeriesPoint& point : curve.points) {
    line.push_back(axes.ToSubpixel(point.x, point.mean));
    band.push_back(axes.ToSubpixel(point.x, point.high));
    back.push_back(axes.ToSubpixel(point.x, point.low));
    merged = merged || point.count > 1;
  }
  if (merged) {
    band.insert(band.end(), back.rbegin(), back.rend());
    cv::fillPoly(tinted, std::vector<std::vector<cv::Point>>{band}, color, cv::LINE_AA, kSubpixelBits);
  } else {
    cv::polylines(tinted, line, false, color, 2, cv::LINE_AA, kSubpixelBits);
  }
  cv::addWeighted(tinted, 0.28, canvas, 0.72, 0, canvas);
}

// What the strong line shows. A value far outside the axes counts as one just outside, so that one outlier
// does not take its whole neighbourhood along.
std::vector<double> LineValues(const Axes& axes, const Curve& curve, bool exact) {
  const double range = axes.y.high - axes.y.low;
  std::vector<SeriesPoint> points = curve.points;
  for (SeriesPoint& point : points)
    point.mean = std::clamp(point.mean, axes.y.low - range, axes.y.high + range);
  if (!exact) return SmoothedMeans(points);
  std::vector<double> values;
  for (const SeriesPoint& point : points) values.push_back(point.mean);
  return values;
}

void DrawCurve(cv::Mat& canvas, const Axes& axes, const Curve& curve, const cv::Scalar& color, bool exact) {
  const std::vector<double> smooth = LineValues(axes, curve, exact);
  if (!exact && curve.points.size() >= kSmoothedFrom) DrawRaw(canvas, axes, curve, color);
  std::vector<cv::Point> line;
  for (size_t i = 0; i < smooth.size(); ++i) line.push_back(axes.ToSubpixel(curve.points[i].x, smooth[i]));
  cv::polylines(canvas, line, false, color, 5, cv::LINE_AA, kSubpixelBits);
  if (line.size() == 1)
    cv::circle(canvas, line[0], 10 << kSubpixelBits, color, cv::FILLED, cv::LINE_AA, kSubpixelBits);
}

// Title on the left; each curve's colour, name and last value on the right, as far as there is room.
void DrawHeader(cv::Mat& canvas, const Axes& axes, const Panel& panel) {
  const int baseline = axes.area.y - 38;
  DrawText(canvas, panel.title, {axes.area.x, baseline}, kPanelFont, kInk);
  struct Entry {
    std::string text;
    cv::Scalar color;
    bool dashed;
  };
  std::vector<Entry> entries;
  for (size_t i = 0; i < panel.curves.size(); ++i) {
    const Curve& curve = panel.curves[i];
    if (curve.points.empty()) continue;
    entries.push_back({absl::StrCat(curve.label, " ",
                                    ShowValue(LineValues(axes, curve, panel.exact).back(), panel.percent)),
                       kColors[i % std::size(kColors)], false});
  }
  if (panel.reference.has_value()) {
    entries.push_back(
        {absl::StrCat(panel.reference->label, " ", ShowValue(panel.reference->value, panel.percent)), kQuiet,
         true});
  }
  int right = axes.area.x + axes.area.width;
  const int stop = axes.area.x + TextWidth(panel.title, kPanelFont) + 60;
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    const int width = TextWidth(entry->text, kLabelFont) + 84;
    if (right - width < stop) break;
    const int x = right - width, y = baseline - 12;
    if (entry->dashed) {
      for (const int dash : {0, 34})
        cv::line(canvas, {x + dash, y}, {x + dash + 20, y}, entry->color, 3, cv::LINE_AA);
    } else {
      cv::line(canvas, {x, y}, {x + 54, y}, entry->color, 8, cv::LINE_AA);
    }
    DrawText(canvas, entry->text, {x + 72, baseline}, kLabelFont, kInk);
    right = x - 50;
  }
}

cv::Mat Draw(const Figure& figure) {
  const int panels = static_cast<int>(figure.panels.size());
  const int height = panels == 1 ? kOnlyPanel : kPanel;
  cv::Mat canvas(kTitle + panels * (kHeader + height + kGap) - kGap + kFooter, kWidth, CV_8UC3,
                 cv::Scalar::all(255));
  DrawText(canvas, figure.title, {kLeft, 76}, kFigureFont, kInk);
  int top = kTitle;
  for (int i = 0; i < panels; ++i) {
    const Panel& panel = figure.panels[i];
    Axes axes;
    axes.area = cv::Rect(kLeft, top + kHeader, kWidth - kLeft - kRight, height);
    axes.x = XScale(figure);
    axes.y = YScale(panel);
    DrawGrid(canvas, axes, panel.percent, /*label_x=*/i == panels - 1);
    // Lines end where the axes do, and have room for their width.
    cv::Mat inside = canvas(axes.area + cv::Size(2 * kMargin, 2 * kMargin) - cv::Point(kMargin, kMargin));
    Axes within = axes;
    within.area = cv::Rect({kMargin, kMargin}, axes.area.size());
    if (panel.reference.has_value()) DrawReference(inside, within, panel);
    for (size_t c = 0; c < panel.curves.size(); ++c) {
      if (panel.curves[c].points.empty()) continue;
      DrawCurve(inside, within, panel.curves[c], kColors[c % std::size(kColors)], panel.exact);
    }
    DrawHeader(canvas, axes, panel);
    top += kHeader + height + kGap;
  }
  DrawText(canvas, figure.x_label, {kWidth - kRight, canvas.rows - 30}, kLabelFont, kQuiet, Align::kRight);
  cv::Mat small;
  cv::resize(canvas, small, canvas.size() / kOversampling, 0, 0, cv::INTER_AREA);
  return small;
}

}  // namespace

absl::StatusOr<std::string> DrawPng(const Figure& figure) {
  try {
    std::vector<uint8_t> png;
    if (!cv::imencode(".png", Draw(figure), png)) return absl::InternalError("OpenCV made no PNG");
    return std::string(png.begin(), png.end());
  } catch (const cv::Exception& error) {
    return absl::InternalError(absl::StrCat("OpenCV cannot draw '", figure.title, "': ", error.what()));
  }
}

}  // namespace pretext
