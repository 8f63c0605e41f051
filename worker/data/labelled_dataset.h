#ifndef PRETEXT_WORKER_DATA_LABELLED_DATASET_H_
#define PRETEXT_WORKER_DATA_LABELLED_DATASET_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "worker/data/dataset.h"
#include "worker/data/label_table.h"

namespace pretext {

// Pictures, which several may share, with labels of its own.
class LabelledDataset final : public Dataset {
 public:
  // `table` has a label for each picture, or none for all.
  LabelledDataset(std::shared_ptr<const Dataset> pictures, LabelTable table)
      : pictures_(std::move(pictures)), table_(std::move(table)) {}

  int64_t size() const override { return pictures_->size(); }
  absl::StatusOr<Image> Load(int64_t index) const override { return pictures_->Load(index); }
  int32_t label(int64_t index) const override { return table_.labels.empty() ? -1 : table_.labels[index]; }
  std::string name(int64_t index) const override { return pictures_->name(index); }
  int channels() const override { return pictures_->channels(); }
  const std::vector<std::string>& class_names() const override { return table_.class_names; }

 private:
  const std::shared_ptr<const Dataset> pictures_;
  const LabelTable table_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_DATA_LABELLED_DATASET_H_
