#ifndef PRETEXT_CLIENT_RENDER_JOB_TEXT_H_
#define PRETEXT_CLIENT_RENDER_JOB_TEXT_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "pretext/v1/cluster.pb.h"
#include "pretext/v1/job.pb.h"

namespace pretext {

// Jobs, machines and their parts as tables and sections for people. Pure; every text ends in a line end.

// A row a job. `width`: of the terminal, 0: unlimited.
std::string JobsTable(const std::vector<v1::Job>& jobs, absl::Time now, int width);

// What a finished stage has come to: its place in the specification, and StageResult() of it.
struct FinishedStage {
  int index = 0;
  std::string result;
};

// Everything there is to say about one job, in sections.
std::string JobSections(const v1::Job& job, const std::vector<FinishedStage>& finished, absl::Time now);

std::string CheckpointsTable(const std::vector<v1::Checkpoint>& checkpoints, absl::Time now, int width);

std::string NodesTable(const std::vector<v1::Node>& nodes, absl::Time now, int width);

// "pretrain 54 %", or how it ended.
std::string ShortProgress(const v1::Job& job);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_RENDER_JOB_TEXT_H_
