#include "client/render/table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/render/plain_text.h"

namespace pretext {
namespace {

constexpr int kGap = 2;
constexpr int kNarrowestCell = 8;  // of a column that is cut

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::AddRow(std::vector<std::string> cells) {
  for (std::string& cell : cells) cell = OneLine(cell);
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::Text(int width) const {
  std::vector<int> widths;
  for (size_t column = 0; column < columns_.size(); ++column) {
    widths.push_back(DisplayWidth(columns_[column].heading));
    for (const auto& row : rows_) widths[column] = std::max(widths[column], DisplayWidth(row[column]));
  }
  int before_last = 0;
  for (size_t column = 0; column + 1 < widths.size(); ++column) before_last += widths[column] + kGap;
  if (width > 0 && before_last + widths.back() > width) {
    widths.back() = std::min(widths.back(), std::max(kNarrowestCell, width - before_last));
  }

  std::string text;
  const auto add_line = [&](const auto& cell_of) {
    std::string line;
    for (size_t column = 0; column < columns_.size(); ++column) {
      const std::string cell = CutTo(cell_of(column), widths[column]);
      const std::string pad(widths[column] - DisplayWidth(cell), ' ');
      const bool right = columns_[column].align == Align::kRight;
      if (column > 0) line.append(kGap, ' ');
      absl::StrAppend(&line, right ? pad : "", cell, right ? "" : pad);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, line, "\n");
  };
  add_line([&](size_t column) { return columns_[column].heading; });
  for (const auto& row : rows_) {
    add_line([&](size_t column) { return row[column]; });
  }
  return text;
}

}  // namespace pretext
