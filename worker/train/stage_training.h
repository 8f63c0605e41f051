#ifndef PRETEXT_WORKER_TRAIN_STAGE_TRAINING_H_
#define PRETEXT_WORKER_TRAIN_STAGE_TRAINING_H_

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "worker/data/batch_loader.h"
#include "worker/optim/optimizer.h"
#include "worker/train/objective.h"
#include "worker/train/stage_run.h"
#include "worker/train/training_observer.h"

namespace pretext {

// What a stage trains, on what and for how long. Nothing is owned.
struct StageTraining {
  Objective* objective = nullptr;
  Optimizer* optimizer = nullptr;
  // By the names of their files in a checkpoint. Their batch normalisations' statistics are averaged over the
  // ranks after each step.
  std::map<std::string, torch::nn::Module*> modules;
  nlohmann::json facts;  // that must not change under a checkpoint: how many pictures

  const Dataset* dataset = nullptr;
  int64_t batch_size = 0;  // global
  BatchLayout layout;
  ExampleBuilder builder;
  double max_broken_share = 0.01;

  std::vector<TrainingObserver*> observers;

  int64_t steps = 0;
  int32_t accumulation = 1;
  double clip_norm = 0;
  v1::Precision precision = v1::FP32;
};

// Whole batches in a pass over the pictures.
int64_t StepsPerEpoch(int64_t pictures, int64_t batch_size);

// Trains from the run's checkpoint, or from the beginning, to the end. The newest value of each metric, by
// its name in the stage. Errors are TrainingLoop's.
absl::StatusOr<std::map<std::string, double>> TrainStage(const StageRun& run, const StageTraining& training);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_STAGE_TRAINING_H_
