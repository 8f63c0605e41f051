#ifndef PRETEXT_WORKER_REPORT_STAGE_PLOTS_H_
#define PRETEXT_WORKER_REPORT_STAGE_PLOTS_H_

#include <map>
#include <string>
#include <vector>

#include "worker/report/condensed_series.h"
#include "worker/report/curve_plot.h"

namespace pretext {

struct StagePlot {
  std::string file;  // "pretrain-loss.png"
  Figure figure;
};

// What to draw of a stage, chosen by its metrics' names; `series` is by name without the stage ("loss"). A
// plot whose metrics are missing, or have a single value, is left out. Pure.
//
//   loss           loss, and X_loss of each task X if there are several, each in axes of its own beside what
//                  chance gives (chance_loss, X_chance_loss)
//   accuracy       accuracy and every X_accuracy; chance_accuracy is what chance gives
//   learning-rate  learning_rate and gradient_norm
//   feature-spread feature_spread, 0 when all features are the same, and effective_rank
//   probe          every probe_X on labelled pictures; probe_chance is what chance gives
//   throughput     images_per_second and data_wait_share
std::vector<StagePlot> PlanStagePlots(const std::string& stage,
                                      const std::map<std::string, CondensedSeries>& series);

}  // namespace pretext

#endif  // PRETEXT_WORKER_REPORT_STAGE_PLOTS_H_
