#include "worker/data/image_folder.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "proto/cpp/status_macros.h"
#include "proto/cpp/utf8.h"
#include "worker/data/picture_size.h"

namespace pretext {
namespace {

namespace fs = std::filesystem;

bool IsPictureSuffix(absl::string_view suffix) {
  static constexpr absl::string_view kSuffixes[] = {".jpg",  ".jpeg", ".jpe", ".png", ".bmp", ".tif",
                                                    ".tiff", ".webp", ".ppm", ".pgm", ".pnm"};
  return std::find(std::begin(kSuffixes), std::end(kSuffixes), suffix) != std::end(kSuffixes);
}

bool BeginsLikeAPicture(const fs::path& path) {
  char head[kHeadBytes] = {};
  std::ifstream file(path, std::ios::binary);
  file.read(head, sizeof(head));
  const absl::string_view bytes(head, static_cast<size_t>(file.gcount()));
  // Three characters are too few to tell a PNM from a text: its sizes must follow.
  return FormatOf(bytes).has_value() &&
         (FormatOf(bytes) != PictureFormat::kPnm || ReadPictureSize(bytes).ok());
}

// Whether jobs write there: every value in a job.yaml of theirs has a comment that tells where it came from.
bool IsOutputFolder(const fs::path& folder) {
  constexpr size_t kJobBytes = 64 << 10;
  const fs::path job = folder / "job.yaml";
  std::error_code error;
  if (!fs::is_regular_file(job, error)) return false;
  std::string head(kJobBytes, '\0');
  std::ifstream file(job, std::ios::binary);
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(file.gcount());
  bool has_stages = false, has_origin = false;
  for (absl::string_view line : absl::StrSplit(head, '\n')) {
    has_stages = has_stages || line == "stages:";
    has_origin = has_origin || absl::EndsWith(line, " # given") || absl::EndsWith(line, " # default");
  }
  return has_stages && has_origin;
}

class Walk {
 public:
  absl::Status Enter(const fs::path& folder, const std::string& prefix) {
    std::error_code error;
    const fs::path real = fs::canonical(folder, error);
    const bool is_output = IsOutputFolder(folder);
    if (is_output && !prefix.empty()) {
      Ignore(prefix, kOwn);
      return absl::OkStatus();
    }
    // Only the folders above count: a folder that is linked twice is listed twice, in whatever order the
    // file system names its entries.
    if (error || std::find(above_.begin(), above_.end(), real) != above_.end()) return absl::OkStatus();
    above_.push_back(real);
    const absl::Status status = List(folder, prefix, /*passed_over=*/is_output ? kPlots : "");
    above_.pop_back();
    return status;
  }

  FolderListing listing;

 private:
  static constexpr char kPlots[] = "plots";
  static constexpr char kOwn[] = "Pretext wrote it";

  absl::Status List(const fs::path& folder, const std::string& prefix, absl::string_view passed_over) {
    std::error_code error;
    fs::directory_iterator entries(folder, error);
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
      const fs::directory_entry& entry = *entries;
      const std::string name = entry.path().filename().string();
      if (absl::StartsWith(name, ".")) continue;
      const std::string path = prefix.empty() ? name : absl::StrCat(prefix, "/", name);
      std::error_code broken_link;
      if (name == passed_over) {
        Ignore(path, kOwn);
      } else if (entry.is_directory(broken_link)) {
        PRETEXT_RETURN_IF_ERROR(Enter(entry.path(), path));
      } else if (entry.is_regular_file(broken_link)) {
        AddFile(entry.path(), path);
      } else {
        Ignore(path, "neither a file nor a folder");
      }
    }
    if (!error) return absl::OkStatus();
    if (prefix.empty()) {
      return absl::PermissionDeniedError(
          absl::StrCat(EscapeStrayBytes(folder.string()), ": ", error.message()));
    }
    Ignore(prefix, error.message());
    return absl::OkStatus();
  }

  void AddFile(const fs::path& file, const std::string& path) {
    const std::string suffix = absl::AsciiStrToLower(file.extension().string());
    if (IsPictureSuffix(suffix) || (suffix.empty() && BeginsLikeAPicture(file))) {
      listing.pictures.push_back(path);
    } else {
      Ignore(path, "not a picture by its name");
    }
  }

  void Ignore(absl::string_view path, absl::string_view reason) {
    listing.ignored.push_back(absl::StrCat(EscapeStrayBytes(path), ": ", reason));
  }

  std::vector<fs::path> above_;  // the folders being listed, without links
};

}  // namespace

absl::StatusOr<FolderListing> ListImageFolder(const std::string& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) return absl::NotFoundError(absl::StrCat(folder, ": no such folder"));
  Walk walk;
  PRETEXT_RETURN_IF_ERROR(walk.Enter(folder, ""));
  std::sort(walk.listing.pictures.begin(), walk.listing.pictures.end());
  std::sort(walk.listing.ignored.begin(), walk.listing.ignored.end());
  return std::move(walk.listing);
}

}  // namespace pretext
