#ifndef PRETEXT_WORKER_TASKS_INSTANCE_BANK_H_
#define PRETEXT_WORKER_TASKS_INSTANCE_BANK_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pretext/v1/task.pb.h"
#include "worker/dist/process_group.h"
#include "worker/losses/noise_contrast.h"
#include "worker/models/memory_bank.h"
#include "worker/tasks/pretext_task.h"
#include "worker/tasks/task_context.h"

namespace pretext {

struct InstanceBankOptions {
  int64_t negatives = 4096;
  double temperature = 0.07;
  double momentum = 0.5;  // of a picture's vector in the bank
  Contrast contrast = Contrast::kNce;
  uint64_t seed = 0;   // of the job
  uint32_t stage = 0;  // index in the job
};

struct BankContrast {
  at::Tensor loss;  // scalar: the mean over the batch
  // Scalars without gradient: share of the vectors that are nearest to their own picture's, and means of the
  // similarities.
  at::Tensor accuracy, positive_similarity, negative_similarity;
};

// How a task asks for a picture among all others by a memory bank: a vector must be nearer to its own
// picture's vector of an earlier epoch than to those of other pictures. Training thread.
class InstanceBank {
 public:
  // Pointers are not owned, but for the bank.
  InstanceBank(const InstanceBankOptions& options, std::shared_ptr<MemoryBank> bank, ProcessGroup* group);

  // vectors (B, D) of unit length, of the batch's pictures. The negatives are `negatives` pictures drawn for
  // this step, the same on all ranks and for all calls; where one of them is the picture itself, the next
  // picture stands in for it.
  BankContrast Compare(const Batch& batch, const at::Tensor& vectors) const;

  // Notes what the bank is to learn from this batch, from all ranks; Learn puts it in, once the step is done.
  // Errors are the process group's.
  absl::Status Remember(const Batch& batch, const at::Tensor& vectors);
  void Learn();

  double chance_loss() const { return NoiseContrastChance(options_.contrast, options_.negatives); }

 private:
  at::Tensor DrawNegatives(const Batch& batch) const;  // (N) int64

  struct Waiting {
    at::Tensor indices, vectors;
  };

  InstanceBankOptions options_;
  std::shared_ptr<MemoryBank> bank_;
  ProcessGroup* group_;
  std::vector<Waiting> waiting_;  // one a micro-batch
};

// What the message of a task with a memory bank says of it.
template <typename TaskMessage>
InstanceBankOptions BankOptionsOf(const TaskMessage& task, const TaskContext& context) {
  InstanceBankOptions options;
  options.negatives = task.negatives();
  options.temperature = task.temperature();
  options.momentum = task.bank_momentum();
  options.contrast = task.loss() == v1::INFO_NCE ? Contrast::kInfoNce : Contrast::kNce;
  options.seed = context.seed;
  options.stage = context.stage;
  return options;
}

// INVALID_ARGUMENT: there are no more pictures than negatives. `task` is named in the message.
absl::Status CheckNegatives(absl::string_view task, int64_t negatives, int64_t pictures);

// How many negatives a set of `pictures` allows: `wanted`, or half of the pictures if that is less.
int64_t FittingNegatives(int64_t wanted, int64_t pictures);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_INSTANCE_BANK_H_
