#ifndef PRETEXT_WORKER_TRAIN_TRAINING_ALARMS_H_
#define PRETEXT_WORKER_TRAIN_TRAINING_ALARMS_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "worker/train/objective.h"
#include "worker/train/step_values.h"

namespace pretext {

// Notices training that goes wrong though its loss looks harmless. Each alarm is raised once a stage, with
// what to try. Pure but for what it has seen; the same readings give the same alarms.
//   collapsed     the features of all pictures have long been the same
//   not learning  a loss has long been what a network that knows nothing has
//   too easy      a pretext task was solved in the first tenth of the stage: it may see a shortcut
class TrainingAlarms {
 public:
  // `chance`: "chance_loss" and "{task}_chance_loss".
  TrainingAlarms(int64_t steps, const NamedNumbers& chance);

  // Sentences about what this reading has settled.
  std::vector<std::string> Look(const StepReading& reading);

 private:
  void LookForCollapse(const StepReading& reading, std::vector<std::string>* alarms);
  void LookForChance(const StepReading& reading, std::vector<std::string>* alarms);
  void LookForEase(const StepReading& reading, std::vector<std::string>* alarms);

  int64_t steps_;
  std::map<std::string, double> chance_;         // by the loss it belongs to: "loss", "moco_loss"
  int64_t collapsed_steps_ = 0;                  // in a row
  std::map<std::string, int64_t> chance_steps_;  // in a row, by loss
  std::map<std::string, double> accuracy_;       // smoothed, by task
  std::set<std::string> raised_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_TRAINING_ALARMS_H_
