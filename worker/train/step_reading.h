#ifndef PRETEXT_WORKER_TRAIN_STEP_READING_H_
#define PRETEXT_WORKER_TRAIN_STEP_READING_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace pretext {

using NamedNumbers = std::vector<std::pair<std::string, double>>;

// The number of this name, or null. It lives as long as `numbers`.
inline const double* FindNumber(const NamedNumbers& numbers, absl::string_view name) {
  for (const auto& [key, number] : numbers) {
    if (key == name) return &number;
  }
  return nullptr;
}

// What a step's numbers are on the mean over ranks.
struct StepReading {
  int64_t step = 0;  // optimizer steps done in the stage, from 1
  NamedNumbers values;
  bool stop = false;  // some rank was asked to stop

  // 0 when it is not there.
  double value(absl::string_view name) const {
    const double* number = FindNumber(values, name);
    return number == nullptr ? 0 : *number;
  }
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_STEP_READING_H_
