#include "worker/data/readable_pictures.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace pretext {

absl::StatusOr<Image> ReadablePictures::Load(int64_t* index) {
  for (int64_t tried = 0; tried < dataset_->size(); ++tried) {
    absl::StatusOr<Image> image = dataset_->Load(*index);
    if (image.ok()) return image;
    absl::Status verdict = NoteBroken(*index, image.status());
    if (!verdict.ok()) return verdict;
    *index = (*index + 1) % dataset_->size();
  }
  return absl::DataLossError("no picture of the data set can be read");
}

std::vector<std::string> ReadablePictures::broken() const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::string> names;
  for (const auto& [index, reason] : broken_) names.push_back(reason);
  return names;
}

absl::Status ReadablePictures::NoteBroken(int64_t index, const absl::Status& reason) {
  absl::MutexLock lock(&mutex_);
  broken_.emplace(index, std::string(reason.message()));
  const double share = static_cast<double>(broken_.size()) / static_cast<double>(dataset_->size());
  if (share <= max_broken_share_) return absl::OkStatus();
  std::vector<std::string> some;
  for (const auto& [unused, text] : broken_) {
    if (some.size() < 5) some.push_back(text);
  }
  return absl::DataLossError(
      absl::StrCat(broken_.size(), " of ", dataset_->size(),
                   " pictures cannot be read so far, more than max_broken_share = ", max_broken_share_,
                   " allows: ", absl::StrJoin(some, "; "), broken_.size() > 5 ? "; ..." : "",
                   ". Mend or remove them, or raise data.max_broken_share"));
}

}  // namespace pretext
