#ifndef PRETEXT_WORKER_TASKS_VIEW_BUILDER_H_
#define PRETEXT_WORKER_TASKS_VIEW_BUILDER_H_

#include "worker/data/batch_layout.h"
#include "worker/data/batch_loader.h"
#include "worker/data/rng.h"

namespace pretext {

// The data side of a pretext task: turns a picture into network inputs and a target that follows from the
// picture and the random draws alone; the picture's class label is never read. Build is called from many
// data threads at once.
class ViewBuilder {
 public:
  virtual ~ViewBuilder() = default;

  // The fields of one example. Pictures are uint8 HWC. Fixed from construction on.
  virtual const BatchLayout& layout() const = 0;

  // `key` is this sample's in this epoch, its `view` free for the builder's use: views from
  // `key.view` on, below key.view + 1000, belong to this task.
  virtual void Build(const Sample& sample, const RngKey& key, const ExampleSlot& slot) const = 0;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_VIEW_BUILDER_H_
