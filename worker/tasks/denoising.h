#ifndef PRETEXT_WORKER_TASKS_DENOISING_H_
#define PRETEXT_WORKER_TASKS_DENOISING_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "pretext/v1/task.pb.h"
#include "worker/data/rng.h"
#include "worker/tasks/pretext_task.h"
#include "worker/tasks/task_context.h"
#include "worker/tasks/view_builder.h"

namespace pretext {

// The denoising autoencoder (Vincent, Larochelle, Bengio & Manzagol 2008, "Extracting and Composing Robust
// Features with Denoising Autoencoders"): the whole picture is given back from a damaged copy, through a
// short code. Fields: "damaged" and "picture", uint8 (side, side, channels). Loss, metrics and predictions:
// worker/tasks/reconstruction.h.
absl::Status CheckDenoising(const TaskContext& context);
absl::StatusOr<std::unique_ptr<ViewBuilder>> MakeDenoisingViewBuilder(const TaskContext& context);
absl::StatusOr<std::unique_ptr<PretextTask>> MakeDenoising(const TaskContext& context,
                                                           const TrainContext& train);

// Damages a picture (HWC) as `spec` says. GAUSSIAN's noise is a share of kTypicalDeviation, in grey levels.
constexpr double kTypicalDeviation = 64;
void DamagePicture(const v1::DenoisingSpec& spec, int channels, Rng& rng, absl::Span<uint8_t> picture);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_DENOISING_H_
