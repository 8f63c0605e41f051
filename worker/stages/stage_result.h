#ifndef PRETEXT_WORKER_STAGES_STAGE_RESULT_H_
#define PRETEXT_WORKER_STAGES_STAGE_RESULT_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace pretext {

// A stage that is done has OUT/results/{stage}.json, written last: what came out, for people and programs,
// and the digests of the files it exported. A stage that has one is not run again.

struct StageResult {
  std::string stage;
  std::string job_digest;  // DigestOfJob
  uint64_t seed = 0;       // the job's: every draw follows from it
  int attempt = 0;         // that finished it
  // Exported files, relative to the output folder.
  std::vector<std::string> files;
  // Whatever the stage found: metrics, protocol, label counts.
  nlohmann::ordered_json found = nlohmann::ordered_json::object();
};

// Durably. Hashes the files. UNAVAILABLE, RESOURCE_EXHAUSTED.
absl::Status WriteStageResult(const std::string& output, const StageResult& result);

// NOT_FOUND: the stage is not done, or only in an attempt up to `forgotten_attempts`. DATA_LOSS: the result
// or one of its files is not as it was written; says which. FAILED_PRECONDITION: it is another job's.
absl::Status FindStageResult(const std::string& output, const std::string& stage,
                             const std::string& job_digest, int forgotten_attempts);

// Removes what an earlier run of the stage left for people and programs: its result first, if it is this
// job's, then its weights (ForgetExport) and plots. Does nothing where there is none. UNAVAILABLE.
absl::Status ForgetStage(const std::string& output, const std::string& stage, const std::string& job_digest);

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_STAGE_RESULT_H_
