#ifndef PRETEXT_WORKER_STAGES_PRETRAIN_PROBE_H_
#define PRETEXT_WORKER_STAGES_PRETRAIN_PROBE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "pretext/v1/stage.pb.h"
#include "worker/data/open_dataset.h"
#include "worker/models/backbone.h"
#include "worker/stages/labelled_split.h"
#include "worker/train/stage_run.h"
#include "worker/train/training_observer.h"

namespace pretext {

// Judges a backbone on labelled pictures while it is pretrained: the curve that a job is to be judged by, as
// a pretext loss says little about what features are good for. Two thirds of a fixed sample are the
// reference, the rest is scored; ranks share the forward passes. Metrics: probe_knn; probe_layer4, or
// probe_layer1 .. 4, the accuracy of a linear classifier on a block's averaged map; probe_chance. Quicker
// than an evaluating stage (one penalty, one view), so its numbers compare within a curve.
class PretrainProbe : public TrainingObserver {
 public:
  // `stage` has every value and a probe; `steps` are the stage's, `backbone` the one that trains. Errors are
  // DatasetCache's and JoinJudgedData's, prefixed by "probe: ".
  static absl::StatusOr<std::unique_ptr<PretrainProbe>> Open(const StageRun* run,
                                                             const v1::PretrainStage& stage, int64_t steps,
                                                             Backbone backbone);

  absl::StatusOr<Observation> Begin(int64_t first_step) override;
  absl::StatusOr<Observation> AfterStep(int64_t done) override;

  // What the scores were made with, for a stage's result.
  nlohmann::ordered_json Protocol() const;

 private:
  PretrainProbe(const StageRun* run, const v1::PretrainStage& stage, int64_t steps, Backbone backbone);

  bool IsDue(int64_t done) const;
  absl::StatusOr<Observation> Look();

  const StageRun* run_;
  v1::ProbeSpec spec_;
  int64_t steps_;
  int image_size_;
  Backbone backbone_;
  std::shared_ptr<const OpenedDataset> opened_;
  JudgedData data_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_PRETRAIN_PROBE_H_
