#ifndef PRETEXT_WORKER_DIST_GRADIENT_SYNC_H_
#define PRETEXT_WORKER_DIST_GRADIENT_SYNC_H_

#include "absl/status/status.h"

namespace pretext {

// Averages the gradients of a fixed set of parameters over the gang while the backward pass still runs. Every
// one of these parameters must get a gradient in every backward pass, on every rank. Training thread.
//
// One optimiser step is: for each micro-batch forward, Begin(last), loss.backward(); then Finish().
class GradientSync {
 public:
  virtual ~GradientSync() = default;

  // Between a forward pass and its backward pass. `last`: the pass ends the step, so gradients are sent as
  // they become ready; otherwise they only add up on this rank.
  virtual void Begin(bool last) = 0;

  // After the step's last backward pass: waits until every gradient is the mean over ranks.
  // UNAVAILABLE: a peer is gone; the attempt cannot go on.
  virtual absl::Status Finish() = 0;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_DIST_GRADIENT_SYNC_H_
