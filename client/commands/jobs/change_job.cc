#include "client/commands/jobs/change_job.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/render/job_feed.h"
#include "client/render/message_text.h"
#include "client/render/plain_text.h"
#include "client/session/exit_codes.h"
#include "client/session/find_job.h"
#include "client/session/local_paths.h"
#include "client/session/output_format.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

struct ChangeOptions {
  std::vector<std::string> jobs;
  std::string reason;
  bool from_start = false;
  bool yes = false;
  OutputFormat format = OutputFormat::kTable;
};

using Change = std::function<absl::StatusOr<v1::Job>(const v1::Job& job, CoordinatorClient* client)>;

void ShowError(const absl::Status& status, CommandContext& context) {
  *context.err << "pretext: " << status.message() << std::endl;
}

// One document a job, one after the other.
void ShowDocument(const v1::Job& job, const ChangeOptions& options, CommandContext& context) {
  const bool several = options.jobs.size() > 1;
  *context.out << (options.format == OutputFormat::kYaml
                       ? absl::StrCat(several ? "---\n" : "", MessageToYaml(job))
                       : MessageToJson(job))
               << std::flush;
}

// What follows "jobs/7 is PAUSED".
using Advice = std::function<std::string(const v1::Job& job, CoordinatorClient* client)>;

Advice Always(const std::string& text) {
  return [text](const v1::Job&, CoordinatorClient*) { return text; };
}

// Of a cancelled job.
std::string WhatStays(const v1::Job& job, CoordinatorClient* client) {
  if (job.attempt() == 0) return "; it never ran";
  const absl::StatusOr<v1::ListCheckpointsResponse> listed = client->ListCheckpoints(job.name());
  return listed.ok() && listed->checkpoints_size() > 0 ? "; its last checkpoint stays" : "";
}

// Applies `change` to each job. `advice` follows what is told to people.
absl::StatusOr<int> ChangeEach(const ChangeOptions& options, const Change& change, const Advice& advice,
                               CommandContext& context) {
  PRETEXT_ASSIGN_OR_RETURN(const Reached coordinator, context.reach(context, kCallPatience));
  int code = kExitOk;
  for (const std::string& text : options.jobs) {
    absl::StatusOr<v1::Job> job = FindJob(text, coordinator.client);
    if (job.ok()) job = change(*job, coordinator.client);
    if (!job.ok()) {
      ShowError(job.status(), context);
      if (code == kExitOk) code = ExitCodeFor(job.status());
    } else if (options.format == OutputFormat::kTable) {
      *context.out << job->name() << " is " << StateText(job->state()) << advice(*job, coordinator.client)
                   << std::endl;
    } else {
      ShowDocument(*job, options, context);
    }
  }
  return code;
}

std::shared_ptr<ChangeOptions> AddChangeOptions(CLI::App* app) {
  auto options = std::make_shared<ChangeOptions>();
  app->add_option("JOB", options->jobs, "jobs/7-xray, 7-xray, 7 or its name; several may be given")
      ->required();
  AddFormatOption(app, &options->format);
  return options;
}

// True when the person at the terminal says so, or has said --yes. `does` is what cannot be undone.
absl::StatusOr<bool> Confirm(const ChangeOptions& options, const std::string& does, const v1::Job& job,
                             const std::string& with, CommandContext& context) {
  if (options.yes) return true;
  if (!context.in_is_terminal)
    return absl::InvalidArgumentError(
        absl::StrCat(does, " asks first, and nobody is there to answer: add --yes"));
  *context.err << does << ": " << job.name() << " (" << OneLine(job.spec().name()) << ", "
               << StateText(job.state()) << ")" << with << "? [y/N] " << std::flush;
  std::string answer;
  std::getline(*context.in, answer);
  return absl::StartsWithIgnoreCase(absl::StripAsciiWhitespace(answer), "y");
}

absl::Status DeleteOne(const std::string& text, const ChangeOptions& options, const Reached& coordinator,
                       CommandContext& context) {
  PRETEXT_ASSIGN_OR_RETURN(const v1::Job job, FindJob(text, coordinator.client));
  PRETEXT_ASSIGN_OR_RETURN(
      const bool agreed, Confirm(options, "delete", job, " with its metrics, logs and checkpoints", context));
  if (!agreed) {
    *context.err << job.name() << " was not deleted\n";
    return absl::OkStatus();
  }
  PRETEXT_RETURN_IF_ERROR(coordinator.client->DeleteJob(job.name()));
  if (options.format != OutputFormat::kTable) {
    ShowDocument(job, options, context);
    return absl::OkStatus();
  }
  *context.out << job.name() << " is deleted";
  if (coordinator.embedded && HoldsFiles(job.output()))
    *context.out << "; what it wrote to " << OneLine(job.output())
                 << " is still there, and has to go before another job can use that folder";
  *context.out << std::endl;
  return absl::OkStatus();
}

absl::StatusOr<int> RunDelete(const ChangeOptions& options, CommandContext& context) {
  PRETEXT_ASSIGN_OR_RETURN(const Reached coordinator, context.reach(context, kCallPatience));
  int code = kExitOk;
  for (const std::string& text : options.jobs) {
    const absl::Status status = DeleteOne(text, options, coordinator, context);
    if (status.ok()) continue;
    ShowError(status, context);
    if (code == kExitOk) code = ExitCodeFor(status);
  }
  return code;
}

}  // namespace

CommandRun AddCancel(CLI::App* app) {
  auto options = AddChangeOptions(app);
  app->add_option("--reason", options->reason, "Why, for who looks at the job later")->type_name("TEXT");
  app->footer("The job checkpoints and stops for good; `pretext restart` continues it from there.");
  return [options](CommandContext& context) {
    const Change change = [&](const v1::Job& job, CoordinatorClient* client) {
      return client->CancelJob(job.name(), options->reason);
    };
    return ChangeEach(*options, change, WhatStays, context);
  };
}

CommandRun AddPause(CLI::App* app) {
  auto options = AddChangeOptions(app);
  app->footer("The job checkpoints, stops, and waits for `pretext resume`.");
  return [options](CommandContext& context) {
    const Change change = [](const v1::Job& job, CoordinatorClient* client) {
      return client->PauseJob(job.name());
    };
    return ChangeEach(*options, change, Always("; `pretext resume` goes on"), context);
  };
}

CommandRun AddResume(CLI::App* app) {
  auto options = AddChangeOptions(app);
  return [options](CommandContext& context) {
    const Change change = [](const v1::Job& job, CoordinatorClient* client) {
      return client->ResumeJob(job.name());
    };
    return ChangeEach(*options, change, Always("; `pretext watch` shows it"), context);
  };
}

CommandRun AddRestart(CLI::App* app) {
  auto options = AddChangeOptions(app);
  app->add_flag("--from-start", options->from_start, "Forget its checkpoints; asks first");
  app->add_flag("-y,--yes", options->yes, "Do not ask");
  app->footer("A job that has settled runs again from its newest checkpoint.");
  return [options](CommandContext& context) {
    const Change change = [&](const v1::Job& job, CoordinatorClient* client) -> absl::StatusOr<v1::Job> {
      if (options->from_start) {
        PRETEXT_ASSIGN_OR_RETURN(const bool agreed, Confirm(*options, "restart --from-start", job,
                                                            " and forget its checkpoints", context));
        if (!agreed) return absl::AbortedError(absl::StrCat(job.name(), " was not restarted"));
      }
      return client->RestartJob(job.name(), options->from_start);
    };
    return ChangeEach(*options, change, Always("; `pretext watch` shows it"), context);
  };
}

CommandRun AddDelete(CLI::App* app) {
  auto options = AddChangeOptions(app);
  app->add_flag("-y,--yes", options->yes, "Do not ask");
  app->footer(
      "Metrics, logs and checkpoints go with a job; files outside the coordinator's own folder stay.\n"
      "With -o json or yaml each job is shown as it was before.");
  return [options](CommandContext& context) { return RunDelete(*options, context); };
}

}  // namespace pretext
