#ifndef PRETEXT_WORKER_DATA_DATASET_H_
#define PRETEXT_WORKER_DATA_DATASET_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/data/image.h"

namespace pretext {

// Pictures by index, in an order that depends on the data alone. Concurrent calls are safe.
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual int64_t size() const = 0;

  // Decodes picture `index` of 0 .. size() - 1, with channels() channels.
  // DATA_LOSS: the file is broken; the message, valid UTF-8, names file and reason.
  virtual absl::StatusOr<Image> Load(int64_t index) const = 0;

  // Class of 0 .. class_names().size() - 1, or -1: not labelled.
  virtual int32_t label(int64_t index) const = 0;

  // Path below the folder, or "file#index"; a path may be no UTF-8: EscapeStrayBytes makes it fit for
  // messages.
  virtual std::string name(int64_t index) const = 0;

  virtual int channels() const = 0;  // 1 or 3

  // Sorted; empty when there are no labels.
  virtual const std::vector<std::string>& class_names() const = 0;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_DATA_DATASET_H_
