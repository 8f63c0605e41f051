#ifndef PRETEXT_CLIENT_SUBMISSION_JOB_OPTIONS_H_
#define PRETEXT_CLIENT_SUBMISSION_JOB_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/session/command_context.h"
#include "client/session/output_format.h"
#include "client/submission/submission.h"

namespace CLI {
class App;
}

namespace pretext {

// The options that pretrain, finetune and evaluate share.
struct JobOptions {
  std::string data;
  std::string labels;
  std::string from;
  std::string backbone;
  std::optional<int32_t> image_size;
  std::string name;
  std::string out;
  std::optional<int32_t> ranks;
  std::string device;
  std::optional<int32_t> threads;
  std::optional<uint64_t> seed;
  std::optional<int32_t> priority;
  std::vector<std::string> sets;
  bool detach = false;
  bool quiet = false;
  OutputFormat format = OutputFormat::kTable;
};

// Adds --data, --image-size, --backbone and what concerns the job as a whole.
void AddJobOptions(CLI::App* app, JobOptions* options);
// Adds --labels and --from, for stages that need labels.
void AddLabelledOptions(CLI::App* app, JobOptions* options);

// What the job as a whole gets from the options; the stage, which is there already, is left alone.
// INVALID_ARGUMENT.
absl::Status FillJob(const JobOptions& options, const CommandContext& context, Submission* submission);

// Labels for `data` when none were named: a table beside the pictures, else their folders' names.
// INVALID_ARGUMENT: the data is a file, whose labels must be named.
absl::StatusOr<std::string> ChooseLabels(const JobOptions& options, const CommandContext& context);

// What --from means: "random", an output folder or weights file, or a job. NOT_FOUND: it is none of these.
absl::StatusOr<v1::InitSpec> ChooseInit(const std::string& from, const CommandContext& context);

// Applies --set, gives the job a folder when it has none, makes paths absolute, and submits.
absl::StatusOr<int> FinishAndSubmit(const JobOptions& options, Submission submission,
                                    CommandContext& context);

// Sets fields of a specification from "KEY=VALUE" texts. INVALID_ARGUMENT.
absl::Status ApplySets(const std::vector<std::string>& sets, Submission* submission);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_SUBMISSION_JOB_OPTIONS_H_
