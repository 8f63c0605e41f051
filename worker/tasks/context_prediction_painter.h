#ifndef PRETEXT_WORKER_TASKS_CONTEXT_PREDICTION_PAINTER_H_
#define PRETEXT_WORKER_TASKS_CONTEXT_PREDICTION_PAINTER_H_

#include "worker/tasks/painting.h"

namespace pretext {

// Of each picture one pair of neighbours, another pair a picture: where both lie among the nine patches, the
// two as the network sees them, and on which side of the first it says that the second lies.
PaintedRows PaintContextPrediction(const PaintRequest& request);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_CONTEXT_PREDICTION_PAINTER_H_
