#ifndef PRETEXT_WORKER_TRAIN_DATASET_CACHE_H_
#define PRETEXT_WORKER_TRAIN_DATASET_CACHE_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "pretext/v1/data.pb.h"
#include "worker/data/open_dataset.h"

namespace pretext {

// The data sets of a job's stages, each opened once. Sets that differ in their labels alone share their
// decoded pictures. Training thread.
class DatasetCache {
 public:
  // Errors are OpenPictures' and LabelPictures'.
  absl::StatusOr<std::shared_ptr<const OpenedDataset>> Open(const v1::DataSpec& spec);

  // Lets go of everything that no spec of `wanted` needs, whatever channels they name.
  void ForgetAllBut(const std::vector<v1::DataSpec>& wanted);

 private:
  struct Pictures {
    v1::DataSpec spec;
    OpenedPictures opened;
  };
  absl::StatusOr<const OpenedPictures*> OpenShared(const v1::DataSpec& spec);

  std::vector<Pictures> pictures_;
  std::map<std::string, std::shared_ptr<const OpenedDataset>> labelled_;  // by serialised spec
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_DATASET_CACHE_H_
