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
// moco's momentum (when only epochs are given), blur_probability (when image_size is unset),
// resources.threads and resources.data_threads. Needs no valid spec.
void ApplyDefaults(v1::JobSpec* spec);

// The default of every field of AugmentSpec, for pictures of image_size pixels a side as the network sees
// them. Blur is off for 64 pixels and less.
v1::AugmentSpec DefaultMocoAugment(v1::MocoSpec::Version version, int32_t image_size);
v1::AugmentSpec DefaultRotationAugment();
v1::AugmentSpec DefaultColorizationAugment();
v1::AugmentSpec DefaultFinetuneAugment();

// `spec` with its unset fields taken from `defaults`.
v1::AugmentSpec FillAugment(const v1::AugmentSpec& spec, const v1::AugmentSpec& defaults);

// The task's whole augmentation: what it sets, else its defaults. REQUIRES: a task is set.
v1::AugmentSpec ResolveAugment(const v1::TaskSpec& task, int32_t image_size);

// Length of moco's queue for `dataset_size` pictures and batches of `batch_size`: the value given, else 65536
// if that is a multiple of the batch and at most a quarter of the pictures, else the largest power of two
// times the batch below both (at least one batch). INVALID_ARGUMENT, saying what would do, when a given
// length is no multiple of the batch or not smaller than the data set, or when the data set is no larger than
// one batch.
absl::StatusOr<int32_t> ResolveQueueLength(const v1::MocoSpec& moco, int64_t dataset_size,
                                           int64_t batch_size);

// Momentum of moco's key encoder for a stage of `steps` steps: as given, else 0.99 below 10,000 steps, else
// 0.999.
double ResolveMocoMomentum(const v1::MocoSpec& moco, int64_t steps);

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
