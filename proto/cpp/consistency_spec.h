#ifndef PRETEXT_PROTO_CPP_CONSISTENCY_SPEC_H_
#define PRETEXT_PROTO_CPP_CONSISTENCY_SPEC_H_

#include <cstdint>
#include <string>
#include <vector>

#include "pretext/v1/data.pb.h"
#include "pretext/v1/stage.pb.h"
#include "pretext/v1/task.pb.h"
#include "proto/cpp/spec_checker.h"

namespace pretext {

// The defaults and the checks of a stage's consistency. Everything here is pure.

// What a task says of a picture that its answer to a changed copy can be compared with.
enum class TaskPrediction { kNone, kClasses, kValues };
TaskPrediction PredictionOf(v1::TaskSpec::TaskCase task);

// Where features can be taken: layer1 .. layer4, projection.
const std::vector<std::string>& ConsistencyTaps();

// Fills in every default of the stage's consistency that does not depend on the data; blur stays open where
// image_size is. REQUIRES: the stage has one, and its tasks have their weights.
void ApplyConsistencyDefaults(v1::PretrainStage* stage);

// The default of every field of its augment, for pictures of image_size pixels a side as the network sees
// them.
v1::AugmentSpec DefaultConsistencyAugment(int32_t image_size);

// What can be refused without looking at the data, of a stage with or without its defaults. `at_once`:
// pictures forwarded at once over all ranks, 0 when it is not known.
void CheckConsistency(const v1::PretrainStage& stage, int64_t at_once, const SpecChecker& check);

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_CONSISTENCY_SPEC_H_
