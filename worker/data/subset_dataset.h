#ifndef PRETEXT_WORKER_DATA_SUBSET_DATASET_H_
#define PRETEXT_WORKER_DATA_SUBSET_DATASET_H_

#include <string>
#include <utility>
#include <vector>

#include "worker/data/dataset.h"

namespace pretext {

// Some pictures of another data set, in the order of `indices`, which may name one several times: its
// labelled ones, a part that is held out.
class SubsetDataset final : public Dataset {
 public:
  // `source` is not owned and outlives it. REQUIRES: indices are in 0 .. source->size() - 1.
  SubsetDataset(const Dataset* source, std::vector<int64_t> indices)
      : source_(source), indices_(std::move(indices)) {}

  int64_t size() const override { return static_cast<int64_t>(indices_.size()); }
  absl::StatusOr<Image> Load(int64_t index) const override { return source_->Load(indices_[index]); }
  int32_t label(int64_t index) const override { return source_->label(indices_[index]); }
  std::string name(int64_t index) const override { return source_->name(indices_[index]); }
  int channels() const override { return source_->channels(); }
  const std::vector<std::string>& class_names() const override { return source_->class_names(); }

 private:
  const Dataset* source_;
  std::vector<int64_t> indices_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_DATA_SUBSET_DATASET_H_
