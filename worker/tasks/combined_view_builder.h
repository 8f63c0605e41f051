#ifndef PRETEXT_WORKER_TASKS_COMBINED_VIEW_BUILDER_H_
#define PRETEXT_WORKER_TASKS_COMBINED_VIEW_BUILDER_H_

#include <memory>
#include <string>
#include <vector>

#include "worker/tasks/view_builder.h"

namespace pretext {

// Several tasks on one stream of pictures: each picture is decoded once, and every task writes its part of
// the example. Task i draws from views 1000 i .. 1000 i + 999, so that what it draws does not depend on the
// others but for its position in the list.
class CombinedViewBuilder : public ViewBuilder {
 public:
  struct Part {
    std::string name;  // of the task, unique in the list
    std::unique_ptr<ViewBuilder> builder;
  };

  // A task's fields in layout().
  struct Share {
    int first_field = 0;
    int field_count = 0;
  };

  explicit CombinedViewBuilder(std::vector<Part> parts);

  // All tasks' fields one after the other, named "task.field".
  const BatchLayout& layout() const override { return layout_; }
  void Build(const Sample& sample, const RngKey& key, const ExampleSlot& slot) const override;

  // In the order of the parts.
  const std::vector<Share>& shares() const { return shares_; }
  const std::vector<Part>& parts() const { return parts_; }
  // Part `index` alone, with the draws that it has in Build; `slot` is of its own fields.
  void BuildPart(int index, const Sample& sample, const RngKey& key, const ExampleSlot& slot) const;

 private:
  std::vector<Part> parts_;
  std::vector<Share> shares_;
  BatchLayout layout_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_COMBINED_VIEW_BUILDER_H_
