#ifndef PRETEXT_WORKER_DATA_IMAGE_FOLDER_H_
#define PRETEXT_WORKER_DATA_IMAGE_FOLDER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace pretext {

// What is found below a folder.
struct FolderListing {
  std::vector<std::string> pictures;  // relative paths with '/', sorted by byte; maybe not UTF-8
  std::vector<std::string> ignored;   // "path: reason", sorted; valid UTF-8
};

// Lists the files below `folder` that are named like pictures (or are named without any suffix and begin like
// one). Hidden files and folders are passed over; links are followed, circles are not. Output folders of jobs
// (they hold a job.yaml as Pretext writes it) below `folder` are left out whole and listed once in `ignored`;
// of `folder` itself, when it is one, the plots are. NOT_FOUND: no such folder. PERMISSION_DENIED.
absl::StatusOr<FolderListing> ListImageFolder(const std::string& folder);

}  // namespace pretext

#endif  // PRETEXT_WORKER_DATA_IMAGE_FOLDER_H_
