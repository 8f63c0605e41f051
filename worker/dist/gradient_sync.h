#ifndef PRETEXT_WORKER_DIST_GRADIENT_SYNC_H_
#define PRETEXT_WORKER_DIST_GRADIENT_SYNC_H_

#include "absl/status/status.h"

namespace pretext {

// Averages the gradients of a fixed set of parameters over the gang while the backward pass still runs. Every
// one of these parameters must get a gradient in every backward pass, on every rank. Training thread.
//
// One optimiser step is: for each micro-batch forward, Begin(last), loss.backward(); then Finish().
//
// It owns the gradients. The first Begin of a step clears those of the step before, whatever has become of
// them since (left, zeroed or made undefined), so nobody else need clear any. From Finish to that Begin they
// are the caller's: to read, to scale in place, to drop. Between Begin and Finish they are not to be touched.
//
// The same weights, batches and world size give the same bits on every rank, in every run, and whether the
// sync is as old as the training or was made for a resume in its middle.
class GradientSync {
 public:
  virtual ~GradientSync() = default;

  // Between a forward pass and its backward pass. `last`: the pass ends the step, so gradients are sent as
  // they become ready; otherwise they only add up on this rank.
  virtual void Begin(bool last) = 0;

  // After the step's last backward pass: waits until every gradient is the mean over ranks.
  // UNAVAILABLE, reason PEER_LOST: a peer is gone; the attempt cannot go on. INTERNAL: a parameter got no
  // gradient, or the ranks do not sync the same parameters.
  virtual absl::Status Finish() = 0;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_DIST_GRADIENT_SYNC_H_
