#include "worker/data/image_folder.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

namespace fs = std::filesystem;

bool IsPictureSuffix(absl::string_view suffix) {
  static constexpr absl::string_view kSuffixes[] = {".jpg",  ".jpeg", ".jpe", ".png", ".bmp", ".tif",
                                                    ".tiff", ".webp", ".ppm", ".pgm", ".pnm"};
  return std::find(std::begin(kSuffixes), std::end(kSuffixes), suffix) != std::end(kSuffixes);
}

bool BeginsLikeAPicture(const fs::path& path) {
  char head[12] = {};
  std::ifstream(path, std::ios::binary).read(head, sizeof(head));
  const absl::string_view bytes(head, sizeof(head));
  return absl::StartsWith(bytes, "\xff\xd8\xff") || absl::StartsWith(bytes, "\x89PNG") ||
         absl::StartsWith(bytes, "BM") || absl::StartsWith(bytes, absl::string_view("II*\0", 4)) ||
         absl::StartsWith(bytes, absl::string_view("MM\0*", 4)) ||
         (absl::StartsWith(bytes, "RIFF") && bytes.substr(8, 4) == "WEBP");
}

class Walk {
 public:
  absl::Status Enter(const fs::path& folder, const std::string& prefix) {
    std::error_code error;
    const fs::path real = fs::canonical(folder, error);
    // Only the folders above count: a folder that is linked twice is listed twice, in whatever order the
    // file system names its entries.
    if (error || std::find(above_.begin(), above_.end(), real) != above_.end()) return absl::OkStatus();
    above_.push_back(real);
    const absl::Status status = List(folder, prefix);
    above_.pop_back();
    return status;
  }

  FolderListing listing;

 private:
  absl::Status List(const fs::path& folder, const std::string& prefix) {
    std::error_code error;
    fs::directory_iterator entries(folder, error);
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
      const fs::directory_entry& entry = *entries;
      const std::string name = entry.path().filename().string();
      if (absl::StartsWith(name, ".")) continue;
      const std::string path = prefix.empty() ? name : absl::StrCat(prefix, "/", name);
      std::error_code broken_link;
      if (entry.is_directory(broken_link)) {
        PRETEXT_RETURN_IF_ERROR(Enter(entry.path(), path));
      } else if (entry.is_regular_file(broken_link)) {
        AddFile(entry.path(), path);
      } else {
        listing.ignored.push_back(absl::StrCat(path, ": neither a file nor a folder"));
      }
    }
    if (!error) return absl::OkStatus();
    if (prefix.empty()) {
      return absl::PermissionDeniedError(absl::StrCat(folder.string(), ": ", error.message()));
    }
    listing.ignored.push_back(absl::StrCat(prefix, ": ", error.message()));
    return absl::OkStatus();
  }

  void AddFile(const fs::path& file, const std::string& path) {
    const std::string suffix = absl::AsciiStrToLower(file.extension().string());
    if (IsPictureSuffix(suffix) || (suffix.empty() && BeginsLikeAPicture(file))) {
      listing.pictures.push_back(path);
    } else {
      listing.ignored.push_back(absl::StrCat(path, ": not a picture by its name"));
    }
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
