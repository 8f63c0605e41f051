#include "worker/train/stage_checkpoints.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/checkpoint/restore_module.h"
#include "worker/models/weights.h"

namespace pretext {
namespace {

constexpr char kOptimizerFile[] = "optimizer";
// What hashing and writing a checkpoint takes of a core and a disk, in bytes a second.
constexpr double kWrittenBytesPerSecond = 200e6;

int64_t BytesOf(const CheckpointState& state) {
  int64_t bytes = 0;
  for (const auto& [name, tensors] : state.files) {
    for (const auto& [key, tensor] : tensors) bytes += static_cast<int64_t>(tensor.nbytes());
  }
  return bytes;
}

}  // namespace

StageCheckpoints::StageCheckpoints(const StageRun* run, int64_t steps_per_epoch,
                                   std::map<std::string, torch::nn::Module*> modules, Optimizer* optimizer,
                                   nlohmann::json facts)
    : run_(run),
      steps_per_epoch_(std::max<int64_t>(1, steps_per_epoch)),
      modules_(std::move(modules)),
      optimizer_(optimizer),
      facts_(std::move(facts)),
      schedule_(run->job->spec.checkpoints().every_steps(), run->job->clock->Now()) {
  if (run->is_first_rank()) {
    writer_ =
        std::make_unique<CheckpointWriter>(run->job->job, run->output(), run->job->spec.checkpoints().keep(),
                                           run->job->reporter, run->job->clock);
  }
}

absl::StatusOr<int64_t> StageCheckpoints::Restore() {
  if (!run_->restored.has_value()) return 0;
  const CheckpointState& state = *run_->restored;
  for (const auto& [name, value] : facts_.items()) {
    if (state.facts.value(name, nlohmann::json()) == value) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "cannot go on from step ", state.position.step, " of stage ", state.position.stage, ": ", name,
        " was ", state.facts.value(name, nlohmann::json()).dump(), " when the checkpoint was taken and is ",
        value.dump(), " now. Restore it, or restart the job from the beginning"));
  }
  for (const auto& [name, module] : modules_) {
    const auto file = state.files.find(name);
    if (file == state.files.end())
      return absl::DataLossError(absl::StrCat("checkpoint: no ", name, " in it"));
    PRETEXT_RETURN_IF_ERROR(RestoreModule(name, file->second, *module));
  }
  const auto optimizer = state.files.find(kOptimizerFile);
  if (optimizer == state.files.end()) return absl::DataLossError("checkpoint: no optimizer state in it");
  PRETEXT_RETURN_IF_ERROR(optimizer_->LoadState(optimizer->second));
  last_saved_ = state.position.step;
  return state.position.step;
}

absl::Status StageCheckpoints::SaveIfDue(int64_t step) {
  if (writer_ == nullptr || !schedule_.IsDue(step, run_->job->clock->Now())) return absl::OkStatus();
  return Write(step);
}

absl::Status StageCheckpoints::Save(int64_t step) {
  if (writer_ == nullptr) return absl::OkStatus();
  if (step != last_saved_) PRETEXT_RETURN_IF_ERROR(Write(step));
  return writer_->Flush();
}

absl::Status StageCheckpoints::Write(int64_t step) {
  const absl::Time begin = run_->job->clock->Now();
  CheckpointState state;
  state.position.stage = run_->name();
  state.position.stage_index = run_->index;
  state.position.step = step;
  state.position.epoch = static_cast<int32_t>(step / steps_per_epoch_);
  state.position.attempt = run_->job->attempt;
  state.position.job_digest = run_->job_digest;
  state.facts = facts_;
  state.facts["world_size"] = run_->job->process_group->world_size();
  for (const auto& [name, module] : modules_) state.files[name] = MakeStateDict(*module);
  state.files[kOptimizerFile] = optimizer_->State();
  const double write_seconds = static_cast<double>(BytesOf(state)) / kWrittenBytesPerSecond;
  PRETEXT_RETURN_IF_ERROR(writer_->Write(Snapshot(state)));
  last_saved_ = step;
  const absl::Time now = run_->job->clock->Now();
  schedule_.Taken(now, now - begin + absl::Seconds(write_seconds));
  return absl::OkStatus();
}

}  // namespace pretext
