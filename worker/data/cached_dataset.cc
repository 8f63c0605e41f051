#include "worker/data/cached_dataset.h"

#include <utility>

namespace pretext {

CachedDataset::CachedDataset(std::unique_ptr<Dataset> source, int64_t max_bytes)
    : source_(std::move(source)), max_bytes_(max_bytes), images_(source_->size()) {}

absl::StatusOr<Image> CachedDataset::Load(int64_t index) const {
  std::shared_ptr<const Image> kept;
  {
    absl::MutexLock lock(&mutex_);
    kept = images_[index];
  }
  if (kept != nullptr) return *kept;
  absl::StatusOr<Image> image = source_->Load(index);
  if (!image.ok()) return image;
  const int64_t bytes = static_cast<int64_t>(image->pixels.size());
  absl::MutexLock lock(&mutex_);
  if (images_[index] == nullptr && bytes_ + bytes <= max_bytes_) {
    images_[index] = std::make_shared<const Image>(*image);
    bytes_ += bytes;
  }
  return image;
}

}  // namespace pretext
