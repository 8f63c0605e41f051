#ifndef PRETEXT_PROTO_CPP_DEFAULTS_H_
#define PRETEXT_PROTO_CPP_DEFAULTS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "pretext/v1/data.pb.h"
#include "pretext/v1/job.pb.h"
#include "pretext/v1/stage.pb.h"
#include "pretext/v1/task.pb.h"

namespace pretext {

// The documented defaults, in code. Everything here is pure.

// Fills in every default that does not depend on the data. What was set stays as it is; applying twice is
// applying once. Left unset, for the worker to resolve with the functions below once it has seen the data:
// data.channels, image_size, stem (when image_size is unset), bn_groups, precision, moco's queue_length,
// moco's momentum (when only epochs are given), finetune's epochs and freeze_epochs (when nothing says how
// long), blur_probability (when image_size is unset), what else depends on the size of pictures or of the
// data in a task, resources.threads and resources.data_threads. Needs no valid spec.
void ApplyDefaults(v1::JobSpec* spec);

// Groups of batch statistics over the `batch_size` pictures that are forwarded at once: as given, else one
// per 32 pictures, at most 8 and at least the world size, rounded down to a divisor of the batch that is a
// multiple of the world size. INVALID_ARGUMENT when a given number is neither. REQUIRES: world_size divides
// batch_size.
absl::StatusOr<int32_t> ResolveBnGroups(const v1::BackboneSpec& backbone, int64_t batch_size,
                                        int32_t world_size);

// Side of the square given to the network: as given (positive), else the pictures' own short side (the median
// of those looked at) if that is at most 96, else 224.
int32_t ResolveImageSize(int32_t given, int32_t picture_side);

// As given, else SMALL for 64 pixels and less, else STANDARD.
v1::BackboneSpec::Stem ResolveStem(v1::BackboneSpec::Stem given, int32_t image_size);

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_DEFAULTS_H_
