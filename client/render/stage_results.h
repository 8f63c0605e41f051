#ifndef PRETEXT_CLIENT_RENDER_STAGE_RESULTS_H_
#define PRETEXT_CLIENT_RENDER_STAGE_RESULTS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "pretext/v1/job.pb.h"
#include "pretext/v1/stage.pb.h"

namespace pretext {

// The newest value of each metric, by its whole name ("pretrain/loss").
using MetricValues = std::map<std::string, double>;

// What a stage's numbers say, in words. Pure.

// "loss 7.012 (chance 9.011), spread 0.83": a loss is never shown alone. What was not reported is left out;
// empty when there is no loss.
std::string LossText(const MetricValues& values, absl::string_view stage);

// What a finished stage has come to: "accuracy 84.2 % (95 %: 82.1 to 86.0) on 1,000 pictures, chance 10.0 %".
// "no result was reported" when its metrics are not there.
std::string StageResult(const v1::Stage& stage, const MetricValues& values);

// The metrics that StageResult reads, as StreamMetricsRequest.metrics takes them. They have few points each.
std::vector<std::string> ResultMetrics(const v1::Stage& stage);

// The metrics that LossText reads. They may have a point a step.
std::vector<std::string> LossMetrics(const v1::Stage& stage);

// Position of the stage that the job works on, from 0; -1 when it has not begun one.
int StageIndex(const v1::Job& job);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_RENDER_STAGE_RESULTS_H_
