#include "worker/train/dataset_cache.h"

#include <algorithm>
#include <set>
#include <utility>

#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

bool SamePictures(const v1::DataSpec& a, const v1::DataSpec& b) {
  return a.images() == b.images() && a.has_cache_bytes() == b.has_cache_bytes() &&
         a.cache_bytes() == b.cache_bytes();
}

std::string KeyWithoutChannels(v1::DataSpec spec) {
  spec.clear_channels();  // which a stage may set by the weights it starts from
  return spec.SerializeAsString();
}

}  // namespace

absl::StatusOr<const OpenedPictures*> DatasetCache::OpenShared(const v1::DataSpec& spec) {
  for (const Pictures& known : pictures_) {
    if (!SamePictures(known.spec, spec)) continue;
    const bool as_measured = !spec.has_channels() && !known.spec.has_channels();
    if (as_measured || (spec.has_channels() && spec.channels() == known.opened.pictures->channels())) {
      return &known.opened;
    }
  }
  PRETEXT_ASSIGN_OR_RETURN(OpenedPictures opened, OpenPictures(spec));
  pictures_.push_back({spec, std::move(opened)});
  return &pictures_.back().opened;
}

absl::StatusOr<std::shared_ptr<const OpenedDataset>> DatasetCache::Open(const v1::DataSpec& spec) {
  std::shared_ptr<const OpenedDataset>& kept = labelled_[spec.SerializeAsString()];
  if (kept == nullptr) {
    PRETEXT_ASSIGN_OR_RETURN(const OpenedPictures* pictures, OpenShared(spec));
    PRETEXT_ASSIGN_OR_RETURN(OpenedDataset opened, LabelPictures(*pictures, spec));
    kept = std::make_shared<const OpenedDataset>(std::move(opened));
  }
  return kept;
}

void DatasetCache::ForgetAllBut(const std::vector<v1::DataSpec>& wanted) {
  std::set<std::string> keys;
  for (const v1::DataSpec& spec : wanted) keys.insert(KeyWithoutChannels(spec));
  for (auto it = labelled_.begin(); it != labelled_.end();) {
    v1::DataSpec spec;
    spec.ParseFromString(it->first);
    it = keys.count(KeyWithoutChannels(spec)) == 0 ? labelled_.erase(it) : std::next(it);
  }
  const auto unwanted = [&wanted](const Pictures& known) {
    return std::none_of(wanted.begin(), wanted.end(),
                        [&known](const v1::DataSpec& spec) { return SamePictures(known.spec, spec); });
  };
  pictures_.erase(std::remove_if(pictures_.begin(), pictures_.end(), unwanted), pictures_.end());
}

}  // namespace pretext
