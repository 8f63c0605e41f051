#ifndef PRETEXT_CLIENT_RENDER_TABLE_H_
#define PRETEXT_CLIENT_RENDER_TABLE_H_

#include <string>
#include <vector>

namespace pretext {

// Rows under headings, columns two blanks apart. Thread-compatible.
class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string heading;
    Align align = Align::kLeft;
  };

  explicit Table(std::vector<Column> columns);

  // Cells of any text; each becomes one line. REQUIRES: as many as there are columns.
  void AddRow(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }

  // Ends in a line end. When `width` is positive and the table is wider, its last column is cut.
  std::string Text(int width = 0) const;

 private:
  const std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace pretext

#endif  // PRETEXT_CLIENT_RENDER_TABLE_H_
