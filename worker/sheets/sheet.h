#ifndef PRETEXT_WORKER_SHEETS_SHEET_H_
#define PRETEXT_WORKER_SHEETS_SHEET_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/sheets/tile.h"

namespace pretext {

// How large a picture of width x height pixels is shown: enlarged a whole number of times, so that each of
// its pixels is a square, as long as its longer side stays within 192; pictures of more than 256 are made
// smaller.
struct ShownSize {
  int width = 0, height = 0;
};
ShownSize ShownSizeOf(int width, int height);

// The caption's lines, none wider than `width` pixels of a sheet. A word that is too long is cut, a path
// after one of its folders.
std::vector<std::string> BreakCaption(const std::string& caption, int width);

// Where everything of a sheet is drawn, pixels from the upper left corner.
struct PlacedTile {
  int left = 0, top = 0;
  ShownSize size;
  std::vector<std::string> lines;  // of the caption, below the picture
};
struct PlacedSection {
  int top = 0;                           // of the title
  std::vector<std::string> explanation;  // lines below it
  std::vector<std::vector<PlacedTile>> rows;
};
struct SheetLayout {
  int width = 0, height = 0;
  std::vector<std::string> title;  // lines from the upper margin on
  std::vector<PlacedSection> sections;
};
// Pictures of a section stand in columns; a row is as high as its highest picture and longest caption. Pure.
SheetLayout LayOut(const Sheet& sheet);

// Draws it. RGB.
Image Draw(const Sheet& sheet);

// Draws it as the bytes of a PNG file. RESOURCE_EXHAUSTED: it would be larger than PNG readers take.
absl::StatusOr<std::string> DrawAsPng(const Sheet& sheet);

}  // namespace pretext

#endif  // PRETEXT_WORKER_SHEETS_SHEET_H_
