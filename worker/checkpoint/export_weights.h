#ifndef PRETEXT_WORKER_CHECKPOINT_EXPORT_WEIGHTS_H_
#define PRETEXT_WORKER_CHECKPOINT_EXPORT_WEIGHTS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "pretext/v1/job.pb.h"
#include "worker/models/backbone.h"
#include "worker/models/weights.h"

namespace pretext {

// What a classifier adds to its backbone's weights.
struct ExportedHead {
  StateDict tensors;                 // by the names they are to have: "head.8.weight", "fc.weight"
  std::vector<std::string> classes;  // in the order of its outputs
};

struct StageExport {
  std::string output;  // folder of the job
  std::string stage;
  const BackboneModule* backbone = nullptr;  // not owned
  WeightsCard card;
  ExportedHead head;
  // Whether it is what the job is for: then exported/backbone.safetensors is written too.
  bool is_the_jobs = true;
};

// Writes exported/{stage}.safetensors, with the head if there is one. Returns its path relative to the
// output: exported/backbone.safetensors is not listed, because a later stage may replace it. Each file
// appears whole or not at all. Errors are WriteSafetensors' and
// MakeFolders'.
absl::StatusOr<std::vector<std::string>> ExportStage(const StageExport& stage);

// Removes exported/{name}.safetensors of `output` if its card says that the job `job_digest` wrote it:
// anybody else's stays, and may be what this job starts from. UNAVAILABLE.
absl::Status ForgetExport(const std::string& output, const std::string& name, const std::string& job_digest);

// Whether the weights of `stage` go into exported/backbone.safetensors: those of every pretraining stage do,
// the newest last; those of fine-tuning stages only in a job without pretraining, because several may start
// from one pretrained backbone and each keeps its own file.
bool IsTheJobsBackbone(const v1::JobSpec& spec, int stage);

}  // namespace pretext

#endif  // PRETEXT_WORKER_CHECKPOINT_EXPORT_WEIGHTS_H_
