#include "worker/data/image_folder.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
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
    if (error || !entered_.insert(real).second) return absl::OkStatus();  // a circle, or a broken link
    fs::directory_iterator entries(folder, error);
    if (error) {
      if (prefix.empty())
        return absl::PermissionDeniedError(absl::StrCat(folder.string(), ": ", error.message()));
      listing.ignored.push_back(absl::StrCat(prefix, ": ", error.message()));
      return absl::OkStatus();
    }
    for (const fs::directory_entry& entry : entries) {
      const std::string name = entry.path().filename().string();
      if (absl::StartsWith(name, ".")) continue;
      const std::string path = prefix.empty() ? name : absl::StrCat(prefix, "/", name);
      if (entry.is_directory(error)) {
        PRETEXT_RETURN_IF_ERROR(Enter(entry.path(), path));
      } else if (entry.is_regular_file(error)) {
        AddFile(entry.path(), path);
      } else {
        listing.ignored.push_back(absl::StrCat(path, ": neither a file nor a folder"));
      }
    }
    return absl::OkStatus();
  }

  FolderListing listing;

 private:
  void AddFile(const fs::path& file, const std::string& path) {
    const std::string suffix = absl::AsciiStrToLower(file.extension().string());
    if (IsPictureSuffix(suffix) || (suffix.empty() && BeginsLikeAPicture(file))) {
      listing.pictures.push_back(path);
    } else {
      listing.ignored.push_back(absl::StrCat(path, ": not a picture by its name"));
    }
  }

  std::set<fs::path> entered_;
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
