#ifndef PRETEXT_WORKER_SHEETS_TILE_H_
#define PRETEXT_WORKER_SHEETS_TILE_H_

#include <string>
#include <utility>
#include <vector>

#include "worker/data/image.h"

namespace pretext {

// What people are shown of a task: rows of pictures with words below them.

enum class Mark { kNone, kRight, kWrong };

// One picture of a sheet.
struct Tile {
  Image picture;
  std::string caption;      // lines are broken where it needs them, and at '\n'
  Mark mark = Mark::kNone;  // an answer's: a frame, and a word above the caption
};

using TileRow = std::vector<Tile>;

// What belongs together: one task's rows, one a picture.
struct SheetSection {
  std::string title;
  std::string explanation;  // what is shown, and what to look for
  std::vector<TileRow> rows;
};

struct Sheet {
  std::string title;
  std::vector<SheetSection> sections;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_SHEETS_TILE_H_
