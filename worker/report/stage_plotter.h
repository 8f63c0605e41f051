#ifndef PRETEXT_WORKER_REPORT_STAGE_PLOTTER_H_
#define PRETEXT_WORKER_REPORT_STAGE_PLOTTER_H_

#include <functional>
#include <map>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "worker/report/condensed_series.h"

namespace pretext {

// Draws the plots of stages (stage_plots.h) into a folder, on a thread of its own. Any thread.
class StagePlotter {
 public:
  using SeriesByName = std::map<std::string, CondensedSeries>;

  // The folder is made when it is first needed. `on_drawn` is told, on the plotter's thread, how each file
  // went; it must not call the plotter.
  StagePlotter(std::string folder, std::function<void(const absl::Status&)> on_drawn);
  ~StagePlotter();  // draws what waits

  // Soon. What waits for the same stage is not drawn then.
  void Draw(const std::string& stage, SeriesByName series);
  // Returns when nothing waits or is being drawn.
  void Flush();

 private:
  void Run();

  const std::string folder_;
  const std::function<void(const absl::Status&)> on_drawn_;
  absl::Mutex mutex_;
  std::map<std::string, SeriesByName> waiting_ ABSL_GUARDED_BY(mutex_);  // by stage
  bool drawing_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_REPORT_STAGE_PLOTTER_H_
