#ifndef PRETEXT_WORKER_STAGES_CONSISTENCY_H_
#define PRETEXT_WORKER_STAGES_CONSISTENCY_H_

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pretext/v1/stage.pb.h"
#include "worker/models/turns.h"
#include "worker/tasks/pretext_task.h"
#include "worker/tasks/task_context.h"
#include "worker/train/objective.h"

namespace pretext {

struct ConsistencyOptions {
  v1::ConsistencySpec spec;  // every value set; weight > 0
  int64_t steps = 0;         // of the stage
  uint64_t seed = 0;         // of the job
  uint32_t stage = 0;        // index in the job
};

class ConsistencyModule;

// The same picture changed gives the same predictions and the same features (Xie et al. 2019; Misra & van der
// Maaten 2020): how far the tasks' answers to two versions of a batch are apart. It knows no task by name,
// and features from the backbone alone, which it watches while a task looks at a version. Training thread.
//
// Where a copy is turned, it is the network's input that turns, and maps are turned back and compared place
// by place; otherwise a map is averaged over space first. What feeds a task's head, the pooled deepest map,
// is only compared so or through a projection of its own: it must still tell one answer from another.
//
// Copies pass the network in training mode: each pass is normalised by its own batch statistics, and running
// statistics move with every pass, so that they are those of pictures and copies together.
class Consistency {
 public:
  // Fresh weights of the projection are drawn from LibTorch's CPU generator, which the caller has seeded.
  Consistency(const ConsistencyOptions& options, const TrainContext& train);
  ~Consistency();

  // Copies that it compares of each picture.
  int copies() const { return CopiesOf(options_.spec); }
  static int CopiesOf(const v1::ConsistencySpec& spec);

  // Before a task's Loss on pictures as they are, whose answers Compare is given.
  void WatchOriginal();
  // Adds a task's disagreement. `copies` are the task's batches of copies, in order. Errors are the process
  // group's and the task's.
  absl::Status Compare(PretextTask& task, const Answers& original, const std::vector<Batch>& copies);

  // What was added since the last call, as the mean over tasks; undefined loss when nothing was. The loss is
  // times ConsistencyWeight of the step. Values: "consistency_loss" (without that weight),
  // "consistency_weight", "consistency_predictions" and "consistency_{tap}" of what has a factor (without
  // it), "prediction_agreement", "consistency_same_cosine" and "consistency_other_cosine" of the pooled
  // features of a picture's two versions and of two pictures' and "consistency_cosine_gap" between the two,
  // "consistency_spread" of the projection (FeatureSpread).
  BatchLoss Take(int64_t step);

  // What is trained and kept by checkpoints; null when there is nothing.
  torch::nn::Module* module();

 private:
  // What the network makes of one version of a batch.
  struct Version {
    Answers answers;
    std::vector<at::Tensor> maps;  // of the backbone, in the position of the picture
  };
  // Named means over tasks.
  struct Sum {
    std::string name;
    double factor = 0;  // in the loss; 0: only shown
    at::Tensor sum;
    int tasks = 0;
  };

  absl::StatusOr<Version> Ask(PretextTask& task, const Batch& batch, Turn turn);
  Turn DrawTurn(const Batch& batch) const;
  void ComparePredictions(PredictionKind kind, const Version& one, const Version& other);
  absl::Status CompareFeatures(int64_t pictures, const Version& one, const Version& other);
  // Disagreement of one tap's rows, of which each picture has `parts`.
  absl::StatusOr<at::Tensor> Disagreement(const at::Tensor& target, const at::Tensor& rows,
                                          int64_t parts) const;
  // A map as rows to compare.
  at::Tensor RowsOf(const at::Tensor& map) const;
  void Add(const std::string& name, double factor, const at::Tensor& value);
  bool turns() const;
  bool is_symmetric() const;

  ConsistencyOptions options_;
  Backbone backbone_;
  ProcessGroup* group_;
  std::shared_ptr<ConsistencyModule> module_;
  std::vector<Sum> sums_;  // in the order in which they were first added
};

// weight * exp(-5 (1 - t)^2) over the first ramp_share of the steps (Laine & Aila 2017), then weight.
double ConsistencyWeight(const v1::ConsistencySpec& spec, int64_t step, int64_t steps);

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_CONSISTENCY_H_
