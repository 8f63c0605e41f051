#ifndef PRETEXT_WORKER_STAGES_SHORTCUT_CHECK_H_
#define PRETEXT_WORKER_STAGES_SHORTCUT_CHECK_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "worker/data/dataset.h"
#include "worker/stages/pretrain_objective.h"
#include "worker/tasks/view_builder.h"
#include "worker/train/job_run.h"
#include "worker/train/training_observer.h"

namespace pretext {

// Before a stage's first step, whether pixels alone give the answers of its tasks away: a linear classifier
// learns from what the backbone would get of some pictures and is asked about others. On rank 0, in a few
// seconds; the views are drawn from a stream of their own. Metrics of each task that has classes:
// {task}_pixel_probe, the share of right answers, and {task}_pixel_probe_chance; SHORTCUT where it beats
// chance clearly.
class ShortcutCheck : public TrainingObserver {
 public:
  // Nothing is owned; `views` and `objective` are the stage's.
  ShortcutCheck(const JobRun* run, const Dataset* dataset, const ViewBuilder* views,
                const PretrainObjective* objective)
      : run_(run), dataset_(dataset), views_(views), objective_(objective) {}

  // Pictures that cannot be read are left to the training to report: then nothing is found.
  absl::StatusOr<Observation> Begin(int64_t first_step) override;
  absl::StatusOr<Observation> AfterStep(int64_t done) override { return Observation(); }

 private:
  const JobRun* run_;
  const Dataset* dataset_;
  const ViewBuilder* views_;
  const PretrainObjective* objective_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_SHORTCUT_CHECK_H_
