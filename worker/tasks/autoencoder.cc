#include "worker/tasks/autoencoder.h"

#include "worker/tasks/reconstruction.h"
#include "worker/tasks/single_view_builder.h"

namespace pretext {

absl::Status CheckAutoencoder(const TaskContext& context) {
  return CheckCode("autoencoder", context.spec.autoencoder().code_size(), context);
}

absl::StatusOr<std::unique_ptr<ViewBuilder>> MakeAutoencoderViewBuilder(const TaskContext& context) {
  return std::make_unique<SingleViewBuilder>("picture", context.spec.autoencoder().augment(), context);
}

absl::StatusOr<std::unique_ptr<PretextTask>> MakeAutoencoder(const TaskContext& context,
                                                             const TrainContext& train) {
  const v1::AutoencoderSpec& spec = context.spec.autoencoder();
  return MakeReconstruction(spec.code_size(), spec.prior_samples(), context, train);
}

}  // namespace pretext
