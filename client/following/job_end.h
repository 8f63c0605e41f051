#ifndef PRETEXT_CLIENT_FOLLOWING_JOB_END_H_
#define PRETEXT_CLIENT_FOLLOWING_JOB_END_H_

#include <string>
#include <vector>

#include "client/render/stage_results.h"
#include "client/session/command_context.h"
#include "pretext/v1/job.pb.h"

namespace pretext {

// The newest values of metrics, named as in StreamMetricsRequest. What cannot be read is left out.
MetricValues ReadMetrics(const std::string& job, const std::vector<std::string>& metrics,
                         CoordinatorClient* client);

// StageResult() of the finished stage at `index`, from `newest` and what the coordinator has besides.
std::string ReadStageResult(const v1::Job& job, int index, const MetricValues& newest,
                            CoordinatorClient* client);

// What a person should know when a job has settled: how it ended, where its results are, and what to type
// next; of a failed one, the last words of the rank that failed first.
std::string JobEndText(const v1::Job& job, const Reached& coordinator);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_FOLLOWING_JOB_END_H_
