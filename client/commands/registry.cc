#include "client/commands/registry.h"

#include "client/commands/jobs/change_job.h"
#include "client/commands/jobs/job_status.h"
#include "client/commands/jobs/list_jobs.h"
#include "client/commands/jobs/submit.h"
#include "client/commands/jobs/validate_job.h"
#include "client/commands/jobs/watch.h"
#include "client/commands/results/download.h"
#include "client/commands/results/list_checkpoints.h"
#include "client/commands/results/show_logs.h"
#include "client/commands/results/show_metrics.h"
#include "client/commands/service/completion.h"
#include "client/commands/service/list_nodes.h"
#include "client/commands/service/serve.h"
#include "client/commands/service/show_version.h"
#include "client/commands/training/evaluate.h"
#include "client/commands/training/finetune.h"
#include "client/commands/training/list_tasks.h"
#include "client/commands/training/pretrain.h"
#include "client/commands/training/show_batch.h"

namespace pretext {
namespace {

constexpr char kTrain[] = "Train";
constexpr char kJobs[] = "Jobs";
constexpr char kResults[] = "Results";
constexpr char kService[] = "Service";

// The one list of commands.
constexpr CommandEntry kCommands[] = {
    {"pretrain", kTrain, "Learn from unlabelled pictures: a folder in, weights out", &AddPretrain},
    {"finetune", kTrain, "Learn to classify from a few labels, starting from weights", &AddFinetune},
    {"evaluate", kTrain, "Judge frozen features by a kNN and a linear probe", &AddEvaluate},
    {"tasks", kTrain, "List the pretext tasks and what each needs", &AddTasks, /*calls_coordinator=*/false},
    {"show-batch", kTrain, "Draw what a task asks of your pictures, and what a trained network answers",
     &AddShowBatch},

    {"submit", kJobs, "Queue a job from a file", &AddSubmit},
    {"validate", kJobs, "Check a job file without queueing it", &AddValidate},
    {"jobs", kJobs, "List jobs", &AddJobs},
    {"status", kJobs, "Show one job", &AddStatus},
    {"watch", kJobs, "Follow a job to its end", &AddWatch},
    {"explain", kJobs, "Say why a job waits", &AddExplain},
    {"cancel", kJobs, "Stop jobs for good", &AddCancel},
    {"pause", kJobs, "Stop jobs for a while", &AddPause},
    {"resume", kJobs, "Go on with paused jobs", &AddResume},
    {"restart", kJobs, "Run settled jobs again from their newest checkpoint", &AddRestart},
    {"delete", kJobs, "Remove settled jobs", &AddDelete},

    {"metrics", kResults, "Show what a job has measured", &AddMetrics},
    {"logs", kResults, "Show what a job's ranks have said", &AddLogs},
    {"checkpoints", kResults, "List a job's checkpoints", &AddCheckpoints},
    {"download", kResults, "Get files of a job", &AddDownload},

    {"nodes", kService, "List the machines", &AddNodes},
    {"drain", kService, "Start no new ranks on a machine", &AddDrain},
    {"undrain", kService, "Start ranks on it again", &AddUndrain},
    {"serve", kService, "Run the coordinator in the foreground", &AddServe, /*calls_coordinator=*/false},
    {"version", kService, "Show the versions", &AddVersion},
    {"completion", kService, "Print a script for the shell's completion", &AddCompletion,
     /*calls_coordinator=*/false},
};

}  // namespace

absl::Span<const CommandEntry> Commands() { return kCommands; }

}  // namespace pretext
