#ifndef PRETEXT_WORKER_TRAIN_CHANCE_LOSSES_H_
#define PRETEXT_WORKER_TRAIN_CHANCE_LOSSES_H_

#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "worker/train/step_reading.h"

namespace pretext {

// What a loss is when the network knows nothing, by the loss's name: "moco_loss". Where tasks have their own
// the sum of all, "loss", is left out: it would say the same again.
using ChanceLosses = std::map<std::string, double>;

// `constants`: "chance_loss" and "{task}_chance_loss", as Objective::ChanceLosses gives them.
ChanceLosses ChanceByLoss(const NamedNumbers& constants);

// Within a thousandth of `closed_form`, of 0 within a thousandth.
bool IsAt(double value, double closed_form);

// "moco" of "moco_loss", nothing of "loss".
std::string TaskOfLoss(absl::string_view loss);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_CHANCE_LOSSES_H_
