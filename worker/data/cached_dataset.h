#ifndef PRETEXT_WORKER_DATA_CACHED_DATASET_H_
#define PRETEXT_WORKER_DATA_CACHED_DATASET_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "worker/data/dataset.h"

namespace pretext {

// Keeps every picture it has once decoded, up to a bound in bytes. What no longer fits is decoded each time.
class CachedDataset final : public Dataset {
 public:
  CachedDataset(std::unique_ptr<Dataset> source, int64_t max_bytes);

  int64_t size() const override { return source_->size(); }
  absl::StatusOr<Image> Load(int64_t index) const override;
  int32_t label(int64_t index) const override { return source_->label(index); }
  std::string name(int64_t index) const override { return source_->name(index); }
  int channels() const override { return source_->channels(); }
  const std::vector<std::string>& class_names() const override { return source_->class_names(); }

 private:
  const std::unique_ptr<Dataset> source_;
  const int64_t max_bytes_;
  mutable absl::Mutex mutex_;
  mutable int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  mutable std::vector<std::shared_ptr<const Image>> images_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_DATA_CACHED_DATASET_H_
