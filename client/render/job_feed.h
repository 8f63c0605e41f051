#ifndef PRETEXT_CLIENT_RENDER_JOB_FEED_H_
#define PRETEXT_CLIENT_RENDER_JOB_FEED_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/render/progress_line.h"
#include "pretext/v1/job.pb.h"

namespace pretext {

// "RUNNING"; a state of a later version of the service is "STATE 17".
std::string StateText(v1::Job::State state);

// "PROCESS: rank 1 on nodes/a was killed by signal 9".
std::string FailureText(const v1::Failure& failure);

// What there is to say now about a job that is followed.
struct FeedStep {
  std::vector<std::string> lines;    // stay on the screen
  std::vector<int> finished_stages;  // positions in the specification of stages that are done since the last
                                     // step, in order
  std::string live;                  // how it stands now; takes the place of the last one
};

// Turns successive readings of one job into what a person should see. Thread-compatible; no clock, no I/O.
class JobFeed {
 public:
  FeedStep Update(const v1::Job& job, absl::Time now, const LineStyle& style);

  // The job could not be read. `since`: when it last could.
  FeedStep Away(absl::Time since, absl::Time now);

 private:
  void FindAlarms(const v1::Job& job, FeedStep* step);
  void FindFinishedStages(const v1::Job& job, FeedStep* step);
  void FindChanges(const v1::Job& job, FeedStep* step);
  std::string Live(const v1::Job& job, absl::Time now, const LineStyle& style);

  bool began_ = false;
  bool away_ = false;
  v1::Job last_;
  int stages_told_ = 0;     // that are finished
  absl::Time state_since_;  // when the present state was first seen
};

}  // namespace pretext

#endif  // PRETEXT_CLIENT_RENDER_JOB_FEED_H_
