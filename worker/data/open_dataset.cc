#include "worker/data/open_dataset.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/cpp/status_macros.h"
#include "proto/cpp/utf8.h"
#include "worker/data/cached_dataset.h"
#include "worker/data/decode.h"
#include "worker/data/idx.h"
#include "worker/data/image_folder.h"
#include "worker/data/label_table.h"
#include "worker/data/labelled_dataset.h"
#include "worker/data/regular_file.h"

namespace pretext {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kDefaultCacheBytes = int64_t{2} << 30;
constexpr int64_t kProbed = 64;  // pictures looked at for channels and sizes

// Files of a folder.
class FileDataset final : public Dataset {
 public:
  FileDataset(std::string folder, std::vector<std::string> paths)
      : folder_(std::move(folder)), paths_(std::move(paths)) {}

  int64_t size() const override { return static_cast<int64_t>(paths_.size()); }
  absl::StatusOr<Image> Load(int64_t index) const override {
    absl::StatusOr<std::string> bytes = ReadFileBytes(absl::StrCat(folder_, "/", paths_[index]));
    if (!bytes.ok()) return absl::DataLossError(EscapeStrayBytes(bytes.status().message()));
    absl::StatusOr<Image> image = DecodeImage(*bytes, channels_);
    if (!image.ok()) {
      return absl::DataLossError(
          absl::StrCat(EscapeStrayBytes(paths_[index]), ": ", image.status().message()));
    }
    return image;
  }
  int32_t label(int64_t index) const override { return -1; }
  std::string name(int64_t index) const override { return paths_[index]; }
  int channels() const override { return channels_; }
  const std::vector<std::string>& class_names() const override { return no_classes_; }

  void set_channels(int channels) { channels_ = channels; }

 private:
  const std::string folder_;
  const std::vector<std::string> paths_;
  const std::vector<std::string> no_classes_;
  int channels_ = 3;
};

// The pictures of an IDX file, all in memory: (N, H, W) grey or (N, H, W, 3).
class IdxDataset final : public Dataset {
 public:
  IdxDataset(std::string path, IdxArray array, int channels)
      : path_(std::move(path)), array_(std::move(array)), channels_(channels) {}

  int64_t size() const override { return array_.shape[0]; }
  absl::StatusOr<Image> Load(int64_t index) const override {
    const int height = static_cast<int>(array_.shape[1]);
    const int width = static_cast<int>(array_.shape[2]);
    const int stored = array_.shape.size() == 4 ? 3 : 1;
    const int64_t bytes = int64_t{1} * height * width * stored;
    const auto begin = array_.values.begin() + index * bytes;
    Image image{height, width, stored, std::vector<uint8_t>(begin, begin + bytes)};
    if (stored == channels_) return image;
    Image wanted{height, width, channels_, {}};
    wanted.pixels.resize(size_t{1} * height * width * channels_);
    for (int64_t i = 0; i < int64_t{1} * height * width; ++i) {
      if (channels_ == 3) {
        std::fill_n(&wanted.pixels[3 * i], 3, image.pixels[i]);
      } else {
        const uint8_t* p = &image.pixels[3 * i];
        wanted.pixels[i] = (p[0] * 19595 + p[1] * 38470 + p[2] * 7471 + 0x8000) >> 16;
      }
    }
    return wanted;
  }
  int32_t label(int64_t index) const override { return -1; }
  std::string name(int64_t index) const override { return absl::StrCat(path_, "#", index); }
  int channels() const override { return channels_; }
  const std::vector<std::string>& class_names() const override { return no_classes_; }

 private:
  const std::string path_;
  const IdxArray array_;
  const int channels_;
  const std::vector<std::string> no_classes_;
};

// The class name of each path: the first folder below the root.
absl::StatusOr<std::vector<std::string>> NamesFromFolders(const std::vector<std::string>& paths) {
  std::vector<std::string> names;
  for (const std::string& path : paths) {
    const size_t slash = path.find('/');
    names.push_back(slash == std::string::npos ? "" : path.substr(0, slash));
  }
  if (std::all_of(names.begin(), names.end(), [](const std::string& name) { return name.empty(); })) {
    return absl::InvalidArgumentError(
        "labels: \"folders\" takes a picture's first sub-folder for its class, but all pictures lie in the "
        "folder itself; sort them into one folder a class or give a labels.csv");
  }
  const auto stray = std::find_if_not(names.begin(), names.end(), IsValidUtf8);
  if (stray != names.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("labels: the folder '", EscapeStrayBytes(*stray),
                     "' would be a class, but its name is not UTF-8; rename it or give a labels.csv"));
  }
  return names;
}

absl::StatusOr<std::vector<std::string>> NamesFromCsv(const std::string& csv,
                                                      const std::vector<std::string>& paths) {
  PRETEXT_ASSIGN_OR_RETURN(auto labels, ReadLabelCsv(csv));
  std::vector<std::string> names;
  for (const std::string& path : paths) {
    const auto found = labels.find(path);
    names.push_back(found == labels.end() ? "" : found->second);
    if (found != labels.end()) labels.erase(found);
  }
  if (!labels.empty()) {
    std::vector<std::string> some;
    for (const auto& [path, label] : labels) {
      if (some.size() < 3) some.push_back(absl::StrCat("'", EscapeStrayBytes(path), "'"));
    }
    return absl::InvalidArgumentError(
        absl::StrCat(csv, ": ", labels.size(),
                     " paths are no picture below the images folder: ", absl::StrJoin(some, ", "),
                     labels.size() > 3 ? ", ..." : "", "; paths are relative to it and use '/'"));
  }
  return names;
}

absl::StatusOr<std::vector<std::string>> NamesFromIdx(const std::string& path, int64_t pictures) {
  PRETEXT_ASSIGN_OR_RETURN(const IdxArray array, ReadIdx(path));
  if (array.shape.size() != 1)
    return absl::InvalidArgumentError(absl::StrCat(path, ": not one label a picture"));
  if (array.shape[0] != pictures) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", array.shape[0], " labels for ", pictures, " pictures"));
  }
  std::vector<std::string> names;
  for (uint8_t label : array.values) names.push_back(absl::StrCat(label));
  return names;
}

// The class name of each picture as `spec` says.
absl::StatusOr<std::vector<std::string>> ReadLabels(const v1::DataSpec& spec,
                                                    const std::vector<std::string>& names) {
  if (spec.labels() == "folders") return NamesFromFolders(names);
  if (IsIdxFile(spec.labels())) return NamesFromIdx(spec.labels(), static_cast<int64_t>(names.size()));
  return NamesFromCsv(spec.labels(), names);
}

// Sizes and colours of pictures spread evenly over the set. Broken ones are passed over here.
void Probe(const Dataset& dataset, DatasetFacts* facts, int64_t* bytes_each) {
  std::vector<int> heights, widths;
  int64_t bytes = 0;
  facts->channels = 1;
  const int64_t count = std::min(kProbed, dataset.size());
  for (int64_t i = 0; i < count; ++i) {
    const absl::StatusOr<Image> image = dataset.Load(i * dataset.size() / count);
    if (!image.ok()) continue;
    heights.push_back(image->height);
    widths.push_back(image->width);
    bytes += static_cast<int64_t>(image->pixels.size());
    if (!IsGray(*image)) facts->channels = 3;
  }
  if (heights.empty()) {
    facts->channels = 3;
    return;
  }
  std::nth_element(heights.begin(), heights.begin() + heights.size() / 2, heights.end());
  std::nth_element(widths.begin(), widths.begin() + widths.size() / 2, widths.end());
  facts->median_height = heights[heights.size() / 2];
  facts->median_width = widths[widths.size() / 2];
  *bytes_each = bytes / static_cast<int64_t>(heights.size());
}

absl::StatusOr<OpenedPictures> OpenIdx(const v1::DataSpec& spec) {
  OpenedPictures opened;
  PRETEXT_ASSIGN_OR_RETURN(IdxArray array, ReadIdx(spec.images()));
  const bool color = array.shape.size() == 4;
  if (array.shape.size() < 3 || (color && array.shape[3] != 3) || array.shape[0] == 0 ||
      array.shape[1] == 0 || array.shape[2] == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(spec.images(), ": holds an array of shape ", absl::StrJoin(array.shape, " x "),
                     "; pictures are N x height x width, or with 3 channels after that"));
  }
  opened.facts.pictures = array.shape[0];
  opened.facts.median_height = static_cast<int>(array.shape[1]);
  opened.facts.median_width = static_cast<int>(array.shape[2]);
  opened.facts.channels = color ? 3 : 1;
  const int channels = spec.has_channels() ? spec.channels() : opened.facts.channels;
  opened.pictures =
      std::make_shared<IdxDataset>(fs::path(spec.images()).filename().string(), std::move(array), channels);
  return opened;
}

absl::StatusOr<OpenedPictures> OpenFolder(const v1::DataSpec& spec) {
  OpenedPictures opened;
  PRETEXT_ASSIGN_OR_RETURN(FolderListing listing, ListImageFolder(spec.images()));
  if (listing.pictures.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(spec.images(), ": no pictures there; ",
                                                   listing.ignored.size(), " other files were passed over"));
  }
  opened.facts.ignored = std::move(listing.ignored);
  auto dataset = std::make_unique<FileDataset>(spec.images(), std::move(listing.pictures));
  opened.facts.pictures = dataset->size();
  int64_t bytes_each = 0;
  Probe(*dataset, &opened.facts, &bytes_each);
  if (spec.has_channels()) {
    dataset->set_channels(spec.channels());
  } else {
    dataset->set_channels(opened.facts.channels);
    if (opened.facts.channels == 1) bytes_each /= 3;
  }
  const int64_t cache_bytes = spec.has_cache_bytes() ? spec.cache_bytes() : kDefaultCacheBytes;
  if (bytes_each * dataset->size() <= cache_bytes) {
    opened.pictures = std::make_shared<CachedDataset>(std::move(dataset), cache_bytes);
  } else {
    opened.pictures = std::move(dataset);
  }
  return opened;
}

}  // namespace

absl::StatusOr<OpenedPictures> OpenPictures(const v1::DataSpec& spec) {
  std::error_code error;
  const fs::file_status status = fs::status(spec.images(), error);
  if (!fs::exists(status)) {
    return absl::NotFoundError(absl::StrCat(spec.images().empty() ? "(empty path)" : spec.images(),
                                            ": no such file or folder on this machine"));
  }
  if (fs::is_directory(status)) return OpenFolder(spec);
  if (IsIdxFile(spec.images())) return OpenIdx(spec);
  PRETEXT_RETURN_IF_ERROR(CheckIsRegularFile(spec.images()));
  return absl::InvalidArgumentError(
      absl::StrCat(spec.images(), ": neither a folder of pictures nor an IDX file"));
}

absl::StatusOr<OpenedDataset> LabelPictures(const OpenedPictures& opened, const v1::DataSpec& spec) {
  OpenedDataset labelled;
  labelled.facts = opened.facts;
  LabelTable table;
  if (!spec.labels().empty()) {
    std::vector<std::string> names;
    for (int64_t i = 0; i < opened.pictures->size(); ++i) names.push_back(opened.pictures->name(i));
    PRETEXT_ASSIGN_OR_RETURN(const std::vector<std::string> labels, ReadLabels(spec, names));
    table = MakeLabelTable(labels);
    if (spec.labels_per_class() > 0) {
      PRETEXT_RETURN_IF_ERROR(KeepLabelDraw(spec.labels_per_class(), spec.label_draw(), &table));
    }
    labelled.facts.per_class.assign(table.class_names.size(), 0);
    for (const int32_t label : table.labels) {
      if (label < 0) continue;
      ++labelled.facts.labelled;
      ++labelled.facts.per_class[label];
    }
    labelled.facts.label_digest = LabelDigest(table, names);
  }
  labelled.dataset = std::make_unique<LabelledDataset>(opened.pictures, std::move(table));
  return labelled;
}

}  // namespace pretext
