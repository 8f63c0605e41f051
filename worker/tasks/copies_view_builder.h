#ifndef PRETEXT_WORKER_TASKS_COPIES_VIEW_BUILDER_H_
#define PRETEXT_WORKER_TASKS_COPIES_VIEW_BUILDER_H_

#include <memory>
#include <vector>

#include "pretext/v1/data.pb.h"
#include "worker/tasks/combined_view_builder.h"
#include "worker/tasks/view_builder.h"

namespace pretext {

// Tasks' examples, and behind them the same tasks' examples of copies of the picture. A copy is the whole
// picture with other colours; from it a task makes its example with the very draws it has for the picture
// itself, so that crop, permutation, turn and mask are the same, and with them the answer, whatever the task
// is. How colours change is drawn from views beyond all tasks', so that the tasks' own fields are what they
// are without copies.
class CopiesViewBuilder : public ViewBuilder {
 public:
  struct Options {
    v1::AugmentSpec augment;  // every value set; crop and flip are not used
    int image_size = 0;       // side of the square given to the network, pixels
    int copies = 0;           // of each picture
    std::vector<int> tasks;   // whose examples are made of the copies, as positions in `tasks`
  };

  CopiesViewBuilder(std::shared_ptr<const CombinedViewBuilder> tasks, const Options& options);

  // The tasks' fields as they are, then for each copy those of the tasks it is made for:
  // "copy1.jigsaw.tiles".
  const BatchLayout& layout() const override { return layout_; }
  void Build(const Sample& sample, const RngKey& key, const ExampleSlot& slot) const override;

  // Where the fields of task `task` (its position in `tasks`) stand, copy by copy; empty when it has none.
  std::vector<CombinedViewBuilder::Share> SharesOf(int task) const;

 private:
  std::shared_ptr<const CombinedViewBuilder> tasks_;
  Options options_;
  BatchLayout layout_;
  std::vector<std::vector<CombinedViewBuilder::Share>> shares_;  // by copy, by place in options_.tasks
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_COPIES_VIEW_BUILDER_H_
