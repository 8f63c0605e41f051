#ifndef PRETEXT_PROTO_CPP_TASK_DEFAULTS_H_
#define PRETEXT_PROTO_CPP_TASK_DEFAULTS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "pretext/v1/data.pb.h"
#include "pretext/v1/stage.pb.h"
#include "pretext/v1/task.pb.h"

namespace pretext {

// The documented defaults of the pretext tasks, in code. Everything here is pure.

// Fills in every default of a task of `stage` that does not depend on the data; the worker resolves the rest
// once it has seen the data.
void ApplyTaskDefaults(const v1::PretrainStage& stage, v1::TaskSpec* task);

// The default of every field of AugmentSpec, for pictures of image_size pixels a side as the network sees
// them. Blur is off for 64 pixels and less.
v1::AugmentSpec DefaultMocoAugment(v1::MocoSpec::Version version, int32_t image_size);
v1::AugmentSpec DefaultRotationAugment();
v1::AugmentSpec DefaultColorizationAugment();
v1::AugmentSpec DefaultContextPredictionAugment();
v1::AugmentSpec DefaultJigsawAugment();
v1::AugmentSpec DefaultInstanceAugment();
v1::AugmentSpec DefaultPirlAugment();
v1::AugmentSpec DefaultPirlCopyAugment();
v1::AugmentSpec DefaultReconstructionAugment();  // autoencoder, denoising, inpainting
v1::AugmentSpec DefaultSpotArtifactsAugment();
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

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_TASK_DEFAULTS_H_
