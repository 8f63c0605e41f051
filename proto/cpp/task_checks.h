#ifndef PRETEXT_PROTO_CPP_TASK_CHECKS_H_
#define PRETEXT_PROTO_CPP_TASK_CHECKS_H_

#include <cstdint>
#include <string>

#include "pretext/v1/data.pb.h"
#include "pretext/v1/task.pb.h"
#include "proto/cpp/spec_checker.h"

namespace pretext {

// Everything about a pretext task that can be refused without looking at the data. `batch_size` is what is
// forwarded at once over all ranks, 0 when it is not known; `data` the stage's, null when there is none.
void CheckTask(const v1::TaskSpec& task, int64_t batch_size, const v1::DataSpec* data,
               const SpecChecker& check);

// With `keeps_colors` what changes colours must be off.
void CheckAugment(const v1::AugmentSpec& augment, const SpecChecker& check, bool keeps_colors);

// The names of all tasks: "moco, rotation or colorization".
std::string TaskNames();

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_TASK_CHECKS_H_
