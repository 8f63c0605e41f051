#ifndef PRETEXT_WORKER_TASKS_SINGLE_VIEW_BUILDER_H_
#define PRETEXT_WORKER_TASKS_SINGLE_VIEW_BUILDER_H_

#include <string>

#include "pretext/v1/data.pb.h"
#include "worker/augment/view_pipeline.h"
#include "worker/tasks/task_context.h"
#include "worker/tasks/view_builder.h"

namespace pretext {

// For tasks that are given one view of each picture and make the rest of it on the training device. The only
// field is `name`, uint8 (side, side, channels).
class SingleViewBuilder : public ViewBuilder {
 public:
  // Every value of `augment` must be set.
  SingleViewBuilder(const std::string& name, const v1::AugmentSpec& augment, const TaskContext& context);

  const BatchLayout& layout() const override { return layout_; }
  void Build(const Sample& sample, const RngKey& key, const ExampleSlot& slot) const override;

 private:
  ViewPipeline pipeline_;
  BatchLayout layout_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_SINGLE_VIEW_BUILDER_H_
