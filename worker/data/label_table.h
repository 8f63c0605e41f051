#ifndef PRETEXT_WORKER_DATA_LABEL_TABLE_H_
#define PRETEXT_WORKER_DATA_LABEL_TABLE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace pretext {

// Class names and each sample's class.
struct LabelTable {
  std::vector<std::string> class_names;  // sorted; numbers by value when all are numbers
  std::vector<int32_t> labels;           // by sample; -1: not labelled
};

// From each sample's class name; an empty name means "not labelled".
LabelTable MakeLabelTable(const std::vector<std::string>& names);

// Reads a CSV file with a header row and the columns `path` and `label` (others are passed over), quoted as
// in RFC 4180. INVALID_ARGUMENT with file and line: no such column, a row of another width, a label that is
// not UTF-8, a path twice with different labels; or it is no regular file. NOT_FOUND.
absl::StatusOr<std::map<std::string, std::string>> ReadLabelCsv(const std::string& path);

// Keeps `per_class` labelled samples of each class, drawn by (draw, class) alone; the rest become -1.
// INVALID_ARGUMENT: a class has fewer.
absl::Status KeepLabelDraw(int32_t per_class, uint64_t draw, LabelTable* table);

// SHA-256 over "name TAB class LF" of every labelled sample: equal digests, equal labels.
std::string LabelDigest(const LabelTable& table, const std::vector<std::string>& sample_names);

}  // namespace pretext

#endif  // PRETEXT_WORKER_DATA_LABEL_TABLE_H_
