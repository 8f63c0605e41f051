#ifndef PRETEXT_WORKER_TRAIN_DETAILED_STEP_H_
#define PRETEXT_WORKER_TRAIN_DETAILED_STEP_H_

#include <cstdint>

namespace pretext {

// Which steps of a stage, from 1, report every metric and not only the loss: about a thousand of them, the
// same ones wherever the stage was interrupted, the first and the last among them.
bool IsDetailedStep(int64_t step, int64_t steps);

// Those of them that also measure what takes long: about a hundred.
bool IsThoroughStep(int64_t step, int64_t steps);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_DETAILED_STEP_H_
