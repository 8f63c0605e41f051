#include "worker/sheets/sheet.h"

#include <algorithm>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace pretext {
namespace {

constexpr int kEnlargeTo = 192;
constexpr int kLargest = 256;
constexpr int kMargin = 24;       // around the sheet
constexpr int kColumnGap = 18;    // between tiles of a row
constexpr int kRowGap = 16;       // between rows
constexpr int kSectionGap = 22;   // above a section's title
constexpr int kLine = 19;         // height of a line of a caption
constexpr int kTitleLine = 34;    // of a title
constexpr int kAboveCaption = 6;  // between a picture and its caption
constexpr int kFrame = 4;
constexpr int kNarrowestCaption = 118;
constexpr int kNarrowestSheet = 640;
constexpr int kLongestSide = 30000;  // pixels; what common viewers open

// RGB. Right and wrong are told apart by people who do not see all colours (Okabe & Ito 2008), and by a word.
const cv::Scalar kPaper(255, 255, 255), kInk(45, 50, 60), kQuiet(110, 115, 122), kRule(222, 225, 228);
const cv::Scalar kRightColor(0, 135, 95), kWrongColor(213, 60, 0), kOutline(200, 203, 206);

struct Font {
  int face = cv::FONT_HERSHEY_SIMPLEX;
  double scale = 1;
  int thickness = 1;
};
const Font kTitleFont{cv::FONT_HERSHEY_DUPLEX, 0.8, 1};
const Font kSectionFont{cv::FONT_HERSHEY_DUPLEX, 0.66, 1};
const Font kCaptionFont{cv::FONT_HERSHEY_SIMPLEX, 0.45, 1};

// OpenCV's letters are ASCII: others are shown as '?'.
std::string Drawable(std::string text) {
  std::string drawable;
  for (const char letter : text) {
    const bool continues = (static_cast<unsigned char>(letter) & 0xC0) == 0x80;  // of a UTF-8 letter
    if (!continues) drawable += letter >= ' ' && letter <= '~' ? letter : '?';
  }
  return drawable;
}

int WidthOf(const std::string& text, const Font& font) {
  int baseline = 0;
  return cv::getTextSize(Drawable(text), font.face, font.scale, font.thickness, &baseline).width;
}

// How many of a word's bytes fit into a line: all, or up to the last '/' that fits, else as many as can.
size_t Fitting(absl::string_view word, int width, const Font& font) {
  size_t fits = word.size();
  while (fits > 1 && WidthOf(std::string(word.substr(0, fits)), font) > width) --fits;
  if (fits == word.size()) return fits;
  const size_t slash = word.rfind('/', fits - 1);
  return slash == absl::string_view::npos || slash == 0 ? fits : slash + 1;
}

// Lines none of which is wider than `width` pixels.
std::vector<std::string> BreakText(const std::string& text, int width, const Font& font) {
  std::vector<std::string> lines;
  if (text.empty()) return lines;
  for (const absl::string_view paragraph : absl::StrSplit(text, '\n')) {
    std::string line;
    for (absl::string_view word : absl::StrSplit(paragraph, ' ', absl::SkipEmpty())) {
      std::string longer = line.empty() ? std::string(word) : absl::StrCat(line, " ", word);
      if (WidthOf(longer, font) <= width) {
        line = std::move(longer);
        continue;
      }
      if (!line.empty()) lines.push_back(line);
      for (size_t fits = Fitting(word, width, font); fits < word.size(); fits = Fitting(word, width, font)) {
        lines.emplace_back(word.substr(0, fits));
        word.remove_prefix(fits);
      }
      line = std::string(word);
    }
    lines.push_back(line);
  }
  return lines;
}

// `top` is that of the line.
void DrawLine(cv::Mat& canvas, const std::string& text, int left, int top, int height, const Font& font,
              const cv::Scalar& color) {
  cv::putText(canvas, Drawable(text), {left, top + height * 3 / 4}, font.face, font.scale, color,
              font.thickness, cv::LINE_AA);
}

// The mark's word has a line of its own: it is of the answer, which may not be what the caption begins with.
std::string CaptionOf(const Tile& tile) {
  if (tile.mark == Mark::kNone) return tile.caption;
  return absl::StrCat(tile.mark == Mark::kRight ? "right" : "wrong", "\n", tile.caption);
}

// Widths of a section's columns, each as wide as its widest picture and no narrower than a caption needs.
std::vector<int> ColumnWidths(const SheetSection& section) {
  std::vector<int> widths;
  for (const TileRow& row : section.rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      if (i == widths.size()) widths.push_back(kNarrowestCaption);
      widths[i] = std::max(widths[i], ShownSizeOf(row[i].picture.width, row[i].picture.height).width);
    }
  }
  return widths;
}

int WidthOfColumns(const std::vector<int>& widths) {
  int sum = 0;
  for (const int width : widths) sum += width + kColumnGap;
  return std::max(0, sum - kColumnGap);
}

// Places one row's tiles at `top` and returns the row's height.
int PlaceRow(const TileRow& row, const std::vector<int>& widths, int top, std::vector<PlacedTile>* placed) {
  int left = kMargin, highest = 0, longest = 0;
  for (size_t i = 0; i < row.size(); ++i) {
    PlacedTile tile;
    tile.left = left;
    tile.top = top;
    tile.size = ShownSizeOf(row[i].picture.width, row[i].picture.height);
    tile.lines = BreakCaption(CaptionOf(row[i]), widths[i]);
    highest = std::max(highest, tile.size.height);
    longest = std::max(longest, static_cast<int>(tile.lines.size()));
    placed->push_back(std::move(tile));
    left += widths[i] + kColumnGap;
  }
  return highest + (longest > 0 ? kAboveCaption + longest * kLine : 0);
}

// `picture` at its shown size, RGB.
cv::Mat Enlarged(const Image& picture, const ShownSize& size) {
  const cv::Mat pixels(picture.height, picture.width, picture.channels == 1 ? CV_8UC1 : CV_8UC3,
                       const_cast<uint8_t*>(picture.pixels.data()));
  cv::Mat colored, shown;
  if (picture.channels == 1) {
    cv::cvtColor(pixels, colored, cv::COLOR_GRAY2RGB);
  } else {
    colored = pixels;
  }
  const bool grows = size.width >= picture.width;
  cv::resize(colored, shown, {size.width, size.height}, 0, 0, grows ? cv::INTER_NEAREST : cv::INTER_AREA);
  return shown;
}

void DrawTile(cv::Mat& canvas, const Tile& tile, const PlacedTile& place) {
  const cv::Rect area(place.left, place.top, place.size.width, place.size.height);
  if (area.area() > 0) Enlarged(tile.picture, place.size).copyTo(canvas(area));
  cv::Scalar ink = kInk;
  cv::rectangle(canvas, {area.x - 1, area.y - 1, area.width + 2, area.height + 2}, kOutline, 1);
  if (tile.mark != Mark::kNone) {
    ink = tile.mark == Mark::kRight ? kRightColor : kWrongColor;
    for (int i = 1; i <= kFrame; ++i) {
      cv::rectangle(canvas, {area.x - i, area.y - i, area.width + 2 * i, area.height + 2 * i}, ink, 1);
    }
  }
  int top = area.y + area.height + kAboveCaption;
  for (const std::string& line : place.lines) {
    DrawLine(canvas, line, area.x, top, kLine, kCaptionFont, ink);
    top += kLine;
  }
}

}  // namespace

ShownSize ShownSizeOf(int width, int height) {
  const int longer = std::max({width, height, 1});
  if (longer > kLargest) {
    const double factor = static_cast<double>(kLargest) / longer;
    return {std::max(1, cvRound(width * factor)), std::max(1, cvRound(height * factor))};
  }
  const int times = std::max(1, kEnlargeTo / longer);
  return {width * times, height * times};
}

std::vector<std::string> BreakCaption(const std::string& caption, int width) {
  return BreakText(caption, width, kCaptionFont);
}

SheetLayout LayOut(const Sheet& sheet) {
  SheetLayout layout;
  int inner = kNarrowestSheet - 2 * kMargin;
  for (const SheetSection& section : sheet.sections) {
    inner = std::max({inner, WidthOfColumns(ColumnWidths(section)), WidthOf(section.title, kSectionFont)});
  }
  layout.title = BreakText(sheet.title, inner, kTitleFont);
  int top = kMargin + static_cast<int>(layout.title.size()) * kTitleLine;
  for (const SheetSection& section : sheet.sections) {
    PlacedSection placed;
    top += kSectionGap;
    placed.top = top;
    placed.explanation = BreakCaption(section.explanation, inner);
    top += kTitleLine + static_cast<int>(placed.explanation.size()) * kLine + kRowGap;
    const std::vector<int> widths = ColumnWidths(section);
    for (const TileRow& row : section.rows) {
      placed.rows.emplace_back();
      top += PlaceRow(row, widths, top, &placed.rows.back()) + kRowGap;
    }
    layout.sections.push_back(std::move(placed));
  }
  layout.width = inner + 2 * kMargin;
  layout.height = top + kMargin - kRowGap;
  return layout;
}

Image Draw(const Sheet& sheet) {
  const SheetLayout layout = LayOut(sheet);
  Image drawn{layout.height, layout.width, 3, {}};
  drawn.pixels.resize(static_cast<size_t>(layout.height) * layout.width * 3);
  cv::Mat canvas(layout.height, layout.width, CV_8UC3, drawn.pixels.data());
  canvas.setTo(kPaper);
  int top = kMargin;
  for (const std::string& line : layout.title) {
    DrawLine(canvas, line, kMargin, top, kTitleLine, kTitleFont, kInk);
    top += kTitleLine;
  }
  for (size_t i = 0; i < sheet.sections.size(); ++i) {
    const SheetSection& section = sheet.sections[i];
    const PlacedSection& place = layout.sections[i];
    const int rule = place.top - kSectionGap / 2;
    cv::line(canvas, {kMargin, rule}, {layout.width - kMargin, rule}, kRule, 1);
    DrawLine(canvas, section.title, kMargin, place.top, kTitleLine, kSectionFont, kInk);
    top = place.top + kTitleLine;
    for (const std::string& line : place.explanation) {
      DrawLine(canvas, line, kMargin, top, kLine, kCaptionFont, kQuiet);
      top += kLine;
    }
    for (size_t row = 0; row < section.rows.size(); ++row) {
      for (size_t tile = 0; tile < section.rows[row].size(); ++tile) {
        DrawTile(canvas, section.rows[row][tile], place.rows[row][tile]);
      }
    }
  }
  return drawn;
}

absl::StatusOr<std::string> DrawAsPng(const Sheet& sheet) {
  const SheetLayout layout = LayOut(sheet);
  if (layout.height > kLongestSide || layout.width > kLongestSide) {
    return absl::ResourceExhaustedError(absl::StrCat("the sheet would have ", layout.width, " x ",
                                                     layout.height,
                                                     " pixels, more than common programs open; show fewer "
                                                     "pictures"));
  }
  Image drawn = Draw(sheet);
  const cv::Mat rgb(drawn.height, drawn.width, CV_8UC3, drawn.pixels.data());
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  std::vector<uint8_t> bytes;
  if (!cv::imencode(".png", bgr, bytes)) return absl::InternalError("cannot write the sheet as PNG");
  return std::string(bytes.begin(), bytes.end());
}

}  // namespace pretext
