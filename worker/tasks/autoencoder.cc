#include "worker/tasks/autoencoder.h"

#include "worker/augment/view_pipeline.h"
#include "worker/tasks/reconstruction.h"

namespace pretext {
namespace {

class AutoencoderViewBuilder : public ViewBuilder {
 public:
  explicit AutoencoderViewBuilder(const TaskContext& context)
      : pipeline_(context.spec.autoencoder().augment(), context.image_size, context.dataset->channels()),
        layout_({{"picture",
                  ElementType::kUint8,
                  {context.image_size, context.image_size, context.dataset->channels()}}}) {}

  const BatchLayout& layout() const override { return layout_; }

  void Build(const Sample& sample, const RngKey& key, const ExampleSlot& slot) const override {
    Rng rng(key);
    pipeline_.Render(*sample.image, rng, slot.field<uint8_t>(0));
  }

 private:
  ViewPipeline pipeline_;
  BatchLayout layout_;
};

}  // namespace

absl::Status CheckAutoencoder(const TaskContext& context) {
  return CheckCode("autoencoder", context.spec.autoencoder().code_size(), context);
}

absl::StatusOr<std::unique_ptr<ViewBuilder>> MakeAutoencoderViewBuilder(const TaskContext& context) {
  return std::make_unique<AutoencoderViewBuilder>(context);
}

absl::StatusOr<std::unique_ptr<PretextTask>> MakeAutoencoder(const TaskContext& context,
                                                             const TrainContext& train) {
  const v1::AutoencoderSpec& spec = context.spec.autoencoder();
  return MakeReconstruction(spec.code_size(), spec.prior_samples(), context, train);
}

}  // namespace pretext
