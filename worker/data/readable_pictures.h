#ifndef PRETEXT_WORKER_DATA_READABLE_PICTURES_H_
#define PRETEXT_WORKER_DATA_READABLE_PICTURES_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "worker/data/dataset.h"

namespace pretext {

// A data set of which some pictures may be broken, each of which another stands in for: the next readable one
// by index, which is the same on every rank and after every restart. Any thread.
class ReadablePictures {
 public:
  // `dataset` is not owned. `max_broken_share` is of the data set.
  ReadablePictures(const Dataset* dataset, double max_broken_share)
      : dataset_(dataset), max_broken_share_(max_broken_share) {}

  // Picture `*index`, or what stands in for it, whose index `*index` then is. DATA_LOSS: more than the
  // allowed share has been found broken; the message counts and names them.
  absl::StatusOr<Image> Load(int64_t* index);

  // Names and reasons of the pictures found broken so far, by index.
  std::vector<std::string> broken() const;

 private:
  absl::Status NoteBroken(int64_t index, const absl::Status& reason);

  const Dataset* const dataset_;
  const double max_broken_share_;
  mutable absl::Mutex mutex_;
  std::map<int64_t, std::string> broken_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_DATA_READABLE_PICTURES_H_
