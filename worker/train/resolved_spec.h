#ifndef PRETEXT_WORKER_TRAIN_RESOLVED_SPEC_H_
#define PRETEXT_WORKER_TRAIN_RESOLVED_SPEC_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "pretext/v1/job.pb.h"
#include "proto/cpp/spec_writing.h"
#include "worker/tasks/resolved_field.h"

namespace pretext {

// SHA-256 of what a job computes: its data, stages and seed, not where and with how many ranks.
std::string DigestOfJob(const v1::JobSpec& spec);

// A job's specification on its way to having every value, and where each came from. Training thread.
class ResolvedSpec {
 public:
  // `spec` has the defaults that need no data.
  explicit ResolvedSpec(v1::JobSpec spec);

  const v1::JobSpec& spec() const { return spec_; }

  // Puts a resolved stage in place. `fields` are its values that were resolved.
  void SetStage(int index, const v1::Stage& stage, const std::vector<ResolvedField>& fields);
  // Any other value, by its path in the job.
  void SetResources(const v1::Resources& resources, const std::vector<ResolvedField>& fields);

  // Writes `path` as YAML with each value's origin, whole or not at all. UNAVAILABLE, RESOURCE_EXHAUSTED.
  absl::Status Write(const std::string& path) const;

 private:
  v1::JobSpec spec_;
  Origins origins_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_RESOLVED_SPEC_H_
