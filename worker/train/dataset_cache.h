#ifndef PRETEXT_WORKER_TRAIN_DATASET_CACHE_H_
#define PRETEXT_WORKER_TRAIN_DATASET_CACHE_H_

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "pretext/v1/data.pb.h"
#include "worker/data/open_dataset.h"

namespace pretext {

// The data sets of a job's stages: stages that name the same one share it and its decoded pictures. Training
// thread.
class DatasetCache {
 public:
  // Errors are OpenDataset's.
  absl::StatusOr<std::shared_ptr<const OpenedDataset>> Open(const v1::DataSpec& spec);

  // Lets go of every set that only the cache still holds and that is not among `wanted`.
  void ForgetAllBut(const std::vector<v1::DataSpec>& wanted);

 private:
  std::map<std::string, std::shared_ptr<const OpenedDataset>> opened_;  // by serialised spec
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_DATASET_CACHE_H_
