#include "worker/checkpoint/checkpoint_writer.h"

#include <ATen/ops/aminmax.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/status_macros.h"
#include "worker/dist/guarded.h"

namespace pretext {
namespace {

bool IsFinite(const at::Tensor& tensor) {
  if (tensor.numel() == 0 || !tensor.is_floating_point()) return true;
  // Either is not a number when one of the numbers is none.
  const auto [least, most] = at::aminmax(tensor);
  return std::isfinite(least.item<double>()) && std::isfinite(most.item<double>());
}

absl::Status CheckAllFinite(const CheckpointState& state) {
  for (const auto& [file, tensors] : state.files) {
    for (const auto& [name, tensor] : tensors) {
      if (!tensor.defined() || IsFinite(tensor)) continue;
      return WithReason(absl::AbortedError(absl::StrCat(
                            "stage ", state.position.stage, ", step ", state.position.step,
                            ": no checkpoint is written, for ", name, " of ", file,
                            " is not finite. Lower optimizer.learning_rate, set optimizer.clip_norm, or "
                            "set precision FP32")),
                        "NON_FINITE",
                        {{"stage", state.position.stage}, {"step", absl::StrCat(state.position.step)}});
    }
  }
  return absl::OkStatus();
}

}  // namespace

CheckpointWriter::CheckpointWriter(std::string job, std::string output, int keep, Reporter* reporter,
                                   Clock* clock)
    : job_(std::move(job)),
      output_(std::move(output)),
      keep_(std::max(1, keep)),
      reporter_(reporter),
      clock_(clock),
      thread_([this] { Run(); }) {}

CheckpointWriter::~CheckpointWriter() {
  {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
  }
  thread_.join();
}

absl::Status CheckpointWriter::Write(CheckpointState state) {
  const auto may_take = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !waiting_.has_value() || waiting_->position.stage == state.position.stage;
  };
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(&may_take));
  waiting_ = std::move(state);
  return TakeError();
}

absl::Status CheckpointWriter::Flush() {
  const auto idle = [&]()
                        ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !waiting_.has_value() && !writing_; };
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(&idle));
  return TakeError();
}

absl::Status CheckpointWriter::TakeError() { return std::exchange(error_, absl::OkStatus()); }

void CheckpointWriter::Run() {
  const auto has_work = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return waiting_.has_value() || closing_;
  };
  while (true) {
    std::optional<CheckpointState> state;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&has_work));
      if (!waiting_.has_value()) return;
      state = std::exchange(waiting_, std::nullopt);
      writing_ = true;
    }
    const absl::Status status = Guarded([&] { return WriteOne(*state); });
    state.reset();
    absl::MutexLock lock(&mutex_);
    error_.Update(status);
    writing_ = false;
  }
}

absl::Status CheckpointWriter::WriteOne(const CheckpointState& state) {
  PRETEXT_RETURN_IF_ERROR(CheckAllFinite(state));
  PRETEXT_ASSIGN_OR_RETURN(v1::Checkpoint checkpoint, WriteCheckpoint(output_, state, clock_->Now()));
  checkpoint.set_name(absl::StrCat(job_, "/checkpoints/", state.position.stage, "-", state.position.step));
  reporter_->AddCheckpoint(checkpoint);
  const absl::Status pruned = PruneCheckpoints(output_, state.position, keep_);
  if (!pruned.ok()) {
    reporter_->Log(v1::LogLine::WARNING,
                   absl::StrCat("old checkpoints were not removed: ", pruned.message()));
  }
  return absl::OkStatus();
}

}  // namespace pretext
