#include "worker/train/dataset_cache.h"

#include <set>
#include <utility>

#include "proto/cpp/status_macros.h"

namespace pretext {

absl::StatusOr<std::shared_ptr<const OpenedDataset>> DatasetCache::Open(const v1::DataSpec& spec) {
  std::shared_ptr<const OpenedDataset>& kept = opened_[spec.SerializeAsString()];
  if (kept == nullptr) {
    PRETEXT_ASSIGN_OR_RETURN(OpenedDataset opened, OpenDataset(spec));
    kept = std::make_shared<const OpenedDataset>(std::move(opened));
  }
  return kept;
}

void DatasetCache::ForgetAllBut(const std::vector<v1::DataSpec>& wanted) {
  std::set<std::string> keys;
  for (v1::DataSpec spec : wanted) {
    spec.clear_channels();  // which a stage may set by the weights it starts from
    keys.insert(spec.SerializeAsString());
  }
  for (auto it = opened_.begin(); it != opened_.end();) {
    v1::DataSpec spec;
    spec.ParseFromString(it->first);
    spec.clear_channels();
    const bool is_wanted = keys.count(spec.SerializeAsString()) > 0;
    it = it->second == nullptr || (!is_wanted && it->second.use_count() == 1) ? opened_.erase(it)
                                                                              : std::next(it);
  }
}

}  // namespace pretext
