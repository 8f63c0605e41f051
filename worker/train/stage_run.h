#ifndef PRETEXT_WORKER_TRAIN_STAGE_RUN_H_
#define PRETEXT_WORKER_TRAIN_STAGE_RUN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pretext/v1/stage.pb.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/models/weights.h"
#include "worker/train/dataset_cache.h"
#include "worker/train/job_run.h"
#include "worker/train/objective.h"
#include "worker/train/resolved_spec.h"

namespace pretext {

// What one stage of a job runs with on this rank. Pointers are not owned.
struct StageRun {
  const JobRun* job = nullptr;
  int index = 0;           // of the stage in the job
  std::string job_digest;  // DigestOfJob
  DatasetCache* datasets = nullptr;
  ResolvedSpec* resolved = nullptr;
  std::optional<CheckpointState> restored;  // where the stage goes on; it starts from its beginning without

  const v1::Stage& stage() const { return resolved->spec().stages(index); }
  const std::string& name() const { return stage().name(); }
  const std::string& output() const { return job->spec.output(); }
  bool is_first_rank() const { return job->process_group->rank() == 0; }
  // Takes a stage with every value and writes the job's file anew.
  absl::Status RecordResolved(const v1::Stage& stage, const std::vector<ResolvedField>& fields) const;
  // What weights of this job's networks carry. `task`: what they were trained on.
  WeightsCard CardOf(const BackboneOptions& network, int image_size, const std::string& task) const;
  // What the rank does beside training, and how far it is with it: "evaluating", 5000 of 10000 pictures.
  void TellPhase(const std::string& phase, int64_t done, int64_t of) const;
  // What a look at the stage's data found.
  void LogData(const std::string& what, const DatasetFacts& facts) const;
  // What the stage computes with where its spec leaves it open: as before when it goes on from a checkpoint,
  // else the faster on all ranks.
  absl::StatusOr<v1::Precision> ChoosePrecision() const;
  // From rank 0. Names are completed with the stage's.
  void AddMetrics(int64_t step, const NamedNumbers& metrics) const;
  // From rank 0.
  void LogOnce(const std::string& text) const;
  void WarnOnce(const std::string& text) const;
  // The stage's own data, else the job's.
  template <typename StageMessage>
  const v1::DataSpec& DataOf(const StageMessage& stage) const {
    return stage.has_data() ? stage.data() : job->spec.data();
  }
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_STAGE_RUN_H_
