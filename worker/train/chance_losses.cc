#include "worker/train/chance_losses.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace pretext {
namespace {

constexpr double kTolerance = 0.001;
constexpr char kSum[] = "chance_loss";

}  // namespace

ChanceLosses ChanceByLoss(const NamedNumbers& constants) {
  ChanceLosses chance;
  for (const auto& [name, value] : constants) {
    absl::string_view task = name;
    if (name != kSum && absl::ConsumeSuffix(&task, "_chance_loss"))
      chance[absl::StrCat(task, "_loss")] = value;
  }
  const double* sum = FindNumber(constants, kSum);
  if (chance.empty() && sum != nullptr) chance["loss"] = *sum;
  return chance;
}

bool IsAt(double value, double closed_form) {
  const double scale = closed_form == 0 ? 1 : std::abs(closed_form);
  return std::abs(value - closed_form) <= kTolerance * scale;
}

std::string TaskOfLoss(absl::string_view loss) {
  return absl::ConsumeSuffix(&loss, "_loss") ? std::string(loss) : "";
}

}  // namespace pretext
