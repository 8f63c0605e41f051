#ifndef PRETEXT_WORKER_STAGES_UNLABELLED_PICTURES_H_
#define PRETEXT_WORKER_STAGES_UNLABELLED_PICTURES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "pretext/v1/data.pb.h"
#include "worker/augment/view_pipeline.h"
#include "worker/data/batch_layout.h"
#include "worker/data/dataset.h"
#include "worker/data/readable_pictures.h"
#include "worker/data/rng.h"

namespace pretext {

struct UnlabelledPicturesOptions {
  const Dataset* dataset = nullptr;  // not owned; its labels are never asked for
  int64_t labelled = 0;              // pictures of an epoch of labelled ones
  int ratio = 1;                     // unlabelled pictures for each of them
  int image_size = 0;
  v1::AugmentSpec augment, copy_augment;  // with every value
  double max_broken_share = 0.01;
};

// The unlabelled pictures that stand beside each labelled one of a batch, each as it is and as a changed
// copy. The labelled picture's key alone says which they are, so batches do not depend on threads, ranks or
// interruptions; and they are drawn without replacement: the whole data set comes once before any of it comes
// again, each time in another order, as far as epochs drop no labelled picture.
class UnlabelledPictures {
 public:
  explicit UnlabelledPictures(const UnlabelledPicturesOptions& options);

  // Two fields: the pictures, uint8 (ratio, S, S, C), and their copies, likewise.
  BatchLayout layout() const;

  // Fills both fields for the labelled picture of `key`. Data threads, concurrently. Where too many pictures
  // are broken the rest is left as it is and status() says so.
  void Render(const RngKey& key, const ExampleSlot& slot);

  // The index of unlabelled picture `number` of 0 .. ratio - 1 beside the labelled picture of `key`.
  int64_t IndexOf(const RngKey& key, int number) const;

  // DATA_LOSS, as ReadablePictures'. Any thread.
  absl::Status status() const;
  std::vector<std::string> broken() const { return pictures_.broken(); }

 private:
  UnlabelledPicturesOptions options_;
  ViewPipeline views_, copies_;
  ReadablePictures pictures_;
  mutable absl::Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_UNLABELLED_PICTURES_H_
