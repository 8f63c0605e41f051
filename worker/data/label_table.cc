#include "worker/data/label_table.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "proto/cpp/sha256.h"
#include "proto/cpp/status_macros.h"
#include "proto/cpp/utf8.h"
#include "worker/data/regular_file.h"
#include "worker/data/rng.h"

namespace pretext {
namespace {

// The fields of one CSV record; reads on over line breaks inside quotes. False at the end.
bool ReadRecord(std::istream& in, int* line, std::vector<std::string>* fields) {
  fields->clear();
  std::string field;
  bool quoted = false, any = false;
  for (int c = in.get(); c != EOF; c = in.get()) {
    any = true;
    if (quoted) {
      if (c == '"' && in.peek() == '"') {
        field.push_back(static_cast<char>(in.get()));
      } else if (c == '"') {
        quoted = false;
      } else {
        if (c == '\n') ++*line;
        field.push_back(static_cast<char>(c));
      }
    } else if (c == '"' && field.empty()) {
      quoted = true;
    } else if (c == ',') {
      fields->push_back(std::move(field));
      field.clear();
    } else if (c == '\n') {
      ++*line;
      break;
    } else if (c != '\r') {
      field.push_back(static_cast<char>(c));
    }
  }
  if (any) fields->push_back(std::move(field));
  return any;
}

int Column(const std::vector<std::string>& header, const std::string& name) {
  const auto found = std::find(header.begin(), header.end(), name);
  return found == header.end() ? -1 : static_cast<int>(found - header.begin());
}

}  // namespace

LabelTable MakeLabelTable(const std::vector<std::string>& names) {
  LabelTable table;
  const std::set<std::string> distinct(names.begin(), names.end());
  for (const std::string& name : distinct) {
    if (!name.empty()) table.class_names.push_back(name);
  }
  int64_t number;
  const bool numbers = std::all_of(table.class_names.begin(), table.class_names.end(),
                                   [&](const std::string& name) { return absl::SimpleAtoi(name, &number); });
  if (numbers) {
    std::sort(table.class_names.begin(), table.class_names.end(),
              [](const std::string& a, const std::string& b) {
                int64_t left = 0, right = 0;
                (void)absl::SimpleAtoi(a, &left);
                (void)absl::SimpleAtoi(b, &right);
                return std::make_pair(left, a) < std::make_pair(right, b);
              });
  }
  std::map<std::string, int32_t> index;
  for (size_t i = 0; i < table.class_names.size(); ++i) index[table.class_names[i]] = static_cast<int32_t>(i);
  table.labels.reserve(names.size());
  for (const std::string& name : names) table.labels.push_back(name.empty() ? -1 : index[name]);
  return table;
}

absl::StatusOr<std::map<std::string, std::string>> ReadLabelCsv(const std::string& path) {
  PRETEXT_RETURN_IF_ERROR(CheckIsRegularFile(path));
  std::ifstream in(path, std::ios::binary);
  if (!in) return absl::NotFoundError(absl::StrCat(path, ": the label file cannot be opened"));
  int line = 1;
  std::vector<std::string> fields;
  if (!ReadRecord(in, &line, &fields))
    return absl::InvalidArgumentError(absl::StrCat(path, ": the file is empty"));
  if (!fields.empty() && fields[0].substr(0, 3) == "\xef\xbb\xbf")
    fields[0].erase(0, 3);  // a byte order mark
  const size_t width = fields.size();
  const int path_column = Column(fields, "path");
  const int label_column = Column(fields, "label");
  if (path_column < 0 || label_column < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ":1: the header row must name the columns 'path' and 'label'"));
  }
  std::map<std::string, std::string> labels;
  for (int at = line; ReadRecord(in, &line, &fields); at = line) {
    if (fields.size() == 1 && fields[0].empty()) continue;
    if (fields.size() != width) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":", at, ": ", fields.size(), " fields, but the header has ", width));
    }
    std::string label = fields[label_column] == "-1" ? "" : fields[label_column];
    if (!IsValidUtf8(label)) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":", at, ": the label '", EscapeStrayBytes(label),
                       "' is not UTF-8; save the file as UTF-8, for example by iconv -f LATIN1 -t UTF-8"));
    }
    const auto [entry, inserted] = labels.emplace(fields[path_column], label);
    if (!inserted && entry->second != label) {
      return absl::InvalidArgumentError(absl::StrCat(path, ":", at, ": '", EscapeStrayBytes(entry->first),
                                                     "' is labelled '", entry->second, "' above and '", label,
                                                     "' here"));
    }
  }
  return labels;
}

absl::Status KeepLabelDraw(int32_t per_class, uint64_t draw, LabelTable* table) {
  constexpr uint32_t kLabelDrawView = 0x1ABE1;
  std::vector<std::vector<int64_t>> samples(table->class_names.size());
  for (size_t i = 0; i < table->labels.size(); ++i) {
    if (table->labels[i] >= 0) samples[table->labels[i]].push_back(static_cast<int64_t>(i));
  }
  std::fill(table->labels.begin(), table->labels.end(), -1);
  for (size_t label = 0; label < samples.size(); ++label) {
    if (static_cast<int64_t>(samples[label].size()) < per_class) {
      return absl::InvalidArgumentError(absl::StrCat("labels_per_class is ", per_class, ", but class '",
                                                     table->class_names[label], "' has only ",
                                                     samples[label].size(), " labelled pictures"));
    }
    const std::vector<int64_t> order = Rng({draw, kSetupStage, /*epoch=*/0, /*sample=*/label, kLabelDrawView})
                                           .Permutation(samples[label].size());
    for (int32_t i = 0; i < per_class; ++i)
      table->labels[samples[label][order[i]]] = static_cast<int32_t>(label);
  }
  return absl::OkStatus();
}

std::string LabelDigest(const LabelTable& table, const std::vector<std::string>& sample_names) {
  Sha256 hash;
  for (size_t i = 0; i < table.labels.size(); ++i) {
    if (table.labels[i] < 0) continue;
    hash.Update(absl::StrCat(sample_names[i], "\t", table.class_names[table.labels[i]], "\n"));
  }
  return hash.HexDigest();
}

}  // namespace pretext
