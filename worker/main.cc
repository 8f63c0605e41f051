// pretext-worker: what runs on the machines that compute. See --help.

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/cpp/clock.h"
#include "proto/cpp/defaults.h"
#include "proto/cpp/exit_codes.h"
#include "proto/cpp/spec_parsing.h"
#include "proto/cpp/state_path.h"
#include "proto/cpp/validate.h"
#include "proto/cpp/version.h"
#include "worker/agent/run_agent.h"
#include "worker/checkpoint/whole_file.h"
#include "worker/session/run_rank.h"
#include "worker/stages/batch_sheet.h"
#include "worker/tasks/registry.h"
#include "worker/tasks/task_fit.h"

namespace pretext {
namespace {

std::string DefaultNode() {
  char name[256] = {};
  return absl::StrCat("nodes/", gethostname(name, sizeof(name) - 1) == 0 ? name : "local");
}

std::string DefaultState() {
  return DataFolder("pretext-agent", absl::NullSafeStringView(std::getenv("XDG_DATA_HOME")),
                    absl::NullSafeStringView(std::getenv("HOME")));
}

// Completes and checks a node's name. CLI11 reports what this returns as a fault of the option.
std::string CheckNode(std::string& node) {
  if (!absl::StartsWith(node, "nodes/")) node = absl::StrCat("nodes/", node);
  const absl::string_view id = absl::string_view(node).substr(6);
  if (id.empty() || id.find('/') != absl::string_view::npos) {
    return absl::StrCat("'", node, "' is not of the form nodes/{id}");
  }
  return "";
}

void AddAgent(CLI::App* app, AgentSettings* settings) {
  CLI::App* agent = app->add_subcommand("agent",
                                        "Runs on this machine the ranks that a coordinator wants here, until "
                                        "the coordinator, SIGTERM or SIGINT "
                                        "says that it may go. The ranks die with it.");
  agent
      ->add_option("--coordinator", settings->coordinator,
                   "The coordinator's address for workers: HOST:PORT or unix:/PATH")
      ->required();
  agent->add_option("--node", settings->node, "What this machine is called: nodes/NAME")
      ->transform(CLI::Validator(CheckNode, "", "node"))
      ->default_str(settings->node);
  agent
      ->add_option("--state", settings->state,
                   "Folder for its lock and its ranks' logs, of this machine alone")
      ->default_str(settings->state);
  agent->add_option("--cpu-slots,--cpu_slots", settings->cpu_slots, "Ranks on CPU that may run here at once")
      ->check(CLI::NonNegativeNumber)
      ->default_str("one a core");
  agent->add_option("--gpus", settings->gpus, "Ranks on GPU that may run here at once")
      ->check(CLI::NonNegativeNumber)
      ->default_str("one a GPU");
  agent->add_option("--host", settings->host, "Address or name at which other machines reach this one")
      ->default_str("the one it reaches the coordinator from");
}

// OpenMP's threads wait for each other by spinning unless they are told not to before the library is loaded,
// so this program begins anew. On cores that others use too a step is ten times as fast for it: a spinning
// thread keeps the one it waits for from running.
void WaitWithoutSpinning(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr) return;
  setenv("OMP_WAIT_POLICY", "PASSIVE", /*overwrite=*/1);
  std::error_code error;
  const std::string program = std::filesystem::read_symlink("/proc/self/exe", error).string();
  if (!error) execv(program.c_str(), argv);
  // Goes on with threads that spin: slower, not wrong.
}

int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return 0;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kUnimplemented:
      return kServiceBadUsage;
    case absl::StatusCode::kAlreadyExists:
      return kServiceInUse;
    case absl::StatusCode::kFailedPrecondition:
      return kServiceReplaced;
    case absl::StatusCode::kInternal:
      return kServiceFault;
    default:
      return kServiceUnavailable;
  }
}

int Agent(const AgentSettings& settings) {
  const auto body = [&settings](const v1::NodeCapacity& node, const v1::RankAssignment& assignment) {
    RankSettings rank;
    rank.coordinator = settings.coordinator;
    rank.node = settings.node;
    rank.capacity = node;
    return RunRank(rank, assignment);
  };
  const absl::Status status = RunAgent(settings, body, RealClock());
  if (!status.ok()) std::fprintf(stderr, "pretext-worker: %s\n", std::string(status.message()).c_str());
  return ExitCodeOf(status);
}

// Says on stderr what is wrong and returns the code to end with.
int Fail(const absl::Status& status) {
  std::fprintf(stderr, "pretext-worker: %s\n", std::string(status.message()).c_str());
  return ExitCodeOf(status);
}

struct TasksOptions {
  v1::DataSpec data;
  int image_size = 0;
};

void AddTasks(CLI::App* app, TasksOptions* options) {
  CLI::App* tasks = app->add_subcommand("tasks", "Prints the pretext tasks and their options, as JSON");
  tasks->add_option_function<std::string>(
      "--for", [options](const std::string& images) { options->data.set_images(images); },
      "Say instead which of them fit these pictures: a folder or an IDX file");
  tasks->add_option("--image-size", options->image_size, "Side of the pictures as the network gets them")
      ->check(CLI::NonNegativeNumber);
}

int PrintTasks(const TasksOptions& options) {
  if (options.data.images().empty()) {
    std::printf("%s\n", TasksAsJson().c_str());
    return 0;
  }
  const absl::StatusOr<DataFit> fit = FitTasks(options.data, options.image_size);
  if (!fit.ok()) return Fail(fit.status());
  std::printf("%s\n", DataFitAsJson(*fit).c_str());
  return 0;
}

struct ShowBatchOptions {
  SheetRequest request;
  std::string spec;
  std::string file;
};

void AddShowBatch(CLI::App* app, ShowBatchOptions* options) {
  CLI::App* show = app->add_subcommand(
      "show-batch", "Draws some pictures as the network is asked about them, and what it answers");
  CLI::Option* spec =
      show->add_option("--spec", options->spec, "The job to show a pretraining stage of, as YAML");
  CLI::Option* output =
      show->add_option("--output", options->request.output, "Instead: the folder of a job that has run");
  spec->excludes(output);
  show->add_option("--stage", options->request.stage, "Name of the stage; default: the first or newest");
  show->add_option("--data", options->request.images, "Other pictures than the stage's");
  show->add_option("--seed", options->request.seed, "Chooses the pictures and how they are drawn");
  show->add_option("--pictures", options->request.pictures, "How many")->check(CLI::Range(1, 256));
  show->add_option("--out", options->file, "The PNG file to write")->required();
}

int ShowBatch(ShowBatchOptions options) {
  if (options.request.output.empty()) {
    ParsedSpec parsed = ParseSpec(options.spec);
    if (!parsed.faults.empty()) {
      const SpecFault& fault = parsed.faults[0];
      return Fail(absl::InvalidArgumentError(absl::StrCat("--spec: ", fault.path, ": ", fault.message)));
    }
    options.request.spec = std::move(parsed.spec);
    ApplyDefaults(&options.request.spec);
    const absl::Status valid = ValidateJobSpec(options.request.spec);
    if (!valid.ok()) return Fail(valid);
  }
  const absl::StatusOr<BatchSheet> sheet = MakeBatchSheet(options.request);
  if (!sheet.ok()) return Fail(sheet.status());
  const absl::Status written = WriteWholeFile(options.file, sheet->png);
  if (!written.ok()) return Fail(written);
  std::printf("%s\n", BatchSheetAsJson(*sheet, options.file).c_str());
  return 0;
}

int Main(int argc, char** argv) {
  AgentSettings settings;
  settings.node = DefaultNode();
  settings.state = DefaultState();
  settings.version = kVersion;
  CLI::App app("The worker of Pretext: pretrains, fine-tunes and evaluates what a coordinator hands out.");
  app.set_version_flag("--version", std::string("pretext-worker ") + kVersion);
  app.require_subcommand(1);
  AddAgent(&app, &settings);
  TasksOptions tasks;
  AddTasks(&app, &tasks);
  ShowBatchOptions show;
  AddShowBatch(&app, &show);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kServiceBadUsage;
  }
  if (app.got_subcommand("tasks")) return PrintTasks(tasks);
  if (app.got_subcommand("show-batch")) return ShowBatch(std::move(show));
  WaitWithoutSpinning(argv);
  const int code = Agent(settings);
  std::fflush(nullptr);
  // Not exit(): gRPC's threads may still run, and what they use must stay.
  _exit(code);
}

}  // namespace
}  // namespace pretext

int main(int argc, char** argv) { return pretext::Main(argc, argv); }
