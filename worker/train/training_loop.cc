#include "worker/train/training_loop.h"

#include <ATen/TensorOperators.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/train/finite_step.h"
#include "worker/train/loaded_tensors.h"
#include "worker/train/precision.h"

namespace pretext {
namespace {

std::vector<at::Tensor> ParametersWithGradient(const std::vector<ParameterGroup>& groups) {
  std::vector<at::Tensor> trained;
  for (const ParameterGroup& group : groups) {
    for (const auto& [name, parameter] : group.parameters) {
      if (parameter.requires_grad()) trained.push_back(parameter);
    }
  }
  return trained;
}

// What tells whether a step's numbers are numbers: its loss, or in a step without one all that is said of it.
double JudgedBy(const StepReading& reading) {
  double sum = 0;
  for (const auto& [name, number] : reading.values) {
    if (name == "loss") return number;
    sum += number;
  }
  return sum;
}

}  // namespace

TrainingLoop::TrainingLoop(const TrainingOptions& options, const TrainingParts& parts)
    : options_(options), parts_(parts), values_(parts.process_group, options.device) {}

absl::Status TrainingLoop::Run() {
  bool stop = false;
  PRETEXT_RETURN_IF_ERROR(Observe(options_.first_step, /*begins=*/true, &stop));
  if (stop)
    return absl::CancelledError(absl::StrCat("stopped as asked before step ", options_.first_step + 1));
  for (int64_t step = options_.first_step; step < options_.steps; ++step) {
    PRETEXT_RETURN_IF_ERROR(Step(step));
    PRETEXT_RETURN_IF_ERROR(Read(/*all=*/false, &stop));
    const int64_t done = step + 1;
    const bool last = done == options_.steps;
    bool stopped_observer = false;
    PRETEXT_RETURN_IF_ERROR(Observe(done, /*begins=*/false, &stopped_observer));
    if (last && !stopped_observer) break;
    if (stop || stopped_observer) {
      PRETEXT_RETURN_IF_ERROR(Read(/*all=*/true, &stop));
      PRETEXT_RETURN_IF_ERROR(parts_.checkpoints->Save(done));
      return absl::CancelledError(absl::StrCat("stopped as asked after step ", done, " of ", options_.steps));
    }
    PRETEXT_RETURN_IF_ERROR(parts_.checkpoints->SaveIfDue(done));
  }
  PRETEXT_RETURN_IF_ERROR(Read(/*all=*/true, &stop));
  ReportBrokenPictures();
  return parts_.checkpoints->Save(options_.steps);
}

absl::Status TrainingLoop::Observe(int64_t done, bool begins, bool* stop) {
  for (TrainingObserver* observer : parts_.observers) {
    const absl::StatusOr<Observation> seen = begins ? observer->Begin(done) : observer->AfterStep(done);
    if (absl::IsCancelled(seen.status())) {
      *stop = true;
    } else if (!seen.ok()) {
      return seen.status();
    } else {
      parts_.report->AddObservation(done, *seen);
    }
  }
  return absl::OkStatus();
}

absl::Status TrainingLoop::Step(int64_t step) {
  if (parts_.objective->Prepare(step)) {
    sync_.reset();  // only one of a group at a time
    sync_ = parts_.process_group->SyncGradients(ParametersWithGradient(parts_.optimizer->groups()));
  }
  PRETEXT_ASSIGN_OR_RETURN(BatchLoss sum, Backward(step));
  const std::vector<Rates> rates = parts_.objective->RatesAt(step);
  if (sum.loss.defined()) {
    const at::Tensor norm = ClipGradients(parts_.optimizer->groups(), options_.clip_norm);
    parts_.optimizer->Step(rates);
    sum.values.insert(sum.values.begin(), {"loss", sum.loss});
    sum.values.push_back({"gradient_norm", norm});
  }
  parts_.objective->AfterOptimizerStep({step, options_.steps});
  return values_.Add(
      step + 1, sum.values,
      {{"learning_rate", rates.back().learning_rate}, {"data_wait_seconds", absl::ToDoubleSeconds(waited_)}},
      parts_.reporter->stop_requested(), parts_.norm_statistics);
}

absl::StatusOr<BatchLoss> TrainingLoop::Backward(int64_t step) {
  waited_ = absl::ZeroDuration();
  BatchLoss sum;
  for (int32_t micro = 0; micro < options_.accumulation; ++micro) {
    PRETEXT_ASSIGN_OR_RETURN(LoadedBatch loaded, parts_.loader->Next());
    waited_ += loaded.waited;
    Batch batch;
    batch.fields = ToTensors(loaded, options_.layout, options_.device);
    batch.indices = std::move(loaded.indices);
    batch.step = step;
    batch.micro = micro;
    absl::StatusOr<BatchLoss> part;
    {
      Bf16Autocast autocast(options_.precision, options_.device.type());
      part = parts_.objective->Loss(batch);
    }
    if (!part.ok()) return part;
    if (part->loss.defined()) {
      sync_->Begin(/*last=*/micro + 1 == options_.accumulation);
      const double share = 1.0 / options_.accumulation;
      (options_.accumulation == 1 ? part->loss : part->loss * share).backward();
      part->loss = part->loss.detach();
    }
    if (micro == 0) {
      sum = *std::move(part);
    } else {
      if (sum.loss.defined()) sum.loss = sum.loss + part->loss;
      for (size_t i = 0; i < sum.values.size(); ++i)
        sum.values[i].second = sum.values[i].second + part->values[i].second;
    }
  }
  if (options_.accumulation > 1) {
    if (sum.loss.defined()) sum.loss = sum.loss / options_.accumulation;
    for (auto& [name, value] : sum.values) value = value / options_.accumulation;
  }
  if (sum.loss.defined()) PRETEXT_RETURN_IF_ERROR(sync_->Finish());
  return sum;
}

absl::Status TrainingLoop::Read(bool all, bool* stop) {
  while (std::optional<StepReading> reading = all ? values_.TakeNow() : values_.Take()) {
    PRETEXT_RETURN_IF_ERROR(CheckFinite(options_.stage, reading->step, JudgedBy(*reading),
                                        reading->value("gradient_norm"), parts_.optimizer->groups()));
    *stop = *stop || reading->stop;
    if (parts_.report->Add(*reading)) ReportBrokenPictures();
  }
  return absl::OkStatus();
}

void TrainingLoop::ReportBrokenPictures() {
  for (const std::string& picture : parts_.loader->broken()) {
    if (!broken_.insert(picture).second) continue;
    parts_.reporter->Log(v1::LogLine::WARNING, absl::StrCat("picture left out: ", picture));
  }
}

}  // namespace pretext
