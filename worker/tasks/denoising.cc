#include "worker/tasks/denoising.h"

#include <algorithm>
#include <cmath>

#include "worker/augment/view_pipeline.h"
#include "worker/tasks/reconstruction.h"

namespace pretext {
namespace {

constexpr int kDamageView = 1;  // the view's own draws come first
constexpr uint8_t kMiddleGray = 128;

class DenoisingViewBuilder : public ViewBuilder {
 public:
  explicit DenoisingViewBuilder(const TaskContext& context)
      : spec_(context.spec.denoising()),
        channels_(context.dataset->channels()),
        pipeline_(spec_.augment(), context.image_size, channels_) {
    for (const char* name : {"damaged", "picture"}) {
      layout_.push_back({name, ElementType::kUint8, {context.image_size, context.image_size, channels_}});
    }
  }

  const BatchLayout& layout() const override { return layout_; }

  void Build(const Sample& sample, const RngKey& key, const ExampleSlot& slot) const override {
    Rng rng(key);
    const absl::Span<uint8_t> damaged = slot.field<uint8_t>(0), picture = slot.field<uint8_t>(1);
    pipeline_.Render(*sample.image, rng, picture);
    std::copy(picture.begin(), picture.end(), damaged.begin());
    RngKey damage_key = key;
    damage_key.view += kDamageView;
    Rng damage_rng(damage_key);
    DamagePicture(spec_, channels_, damage_rng, damaged);
  }

 private:
  v1::DenoisingSpec spec_;
  int channels_;
  ViewPipeline pipeline_;
  BatchLayout layout_;
};

}  // namespace

void DamagePicture(const v1::DenoisingSpec& spec, int channels, Rng& rng, absl::Span<uint8_t> picture) {
  if (spec.damage() == v1::DenoisingSpec::GAUSSIAN) {
    for (uint8_t& value : picture) {
      const double noisy = value + spec.amount() * kTypicalDeviation * rng.Normal();
      value = static_cast<uint8_t>(std::clamp(std::lround(noisy), 0L, 255L));
    }
    return;
  }
  for (size_t i = 0; i < picture.size(); i += channels) {
    if (!rng.Chance(spec.amount())) continue;
    uint8_t value = kMiddleGray;
    if (spec.damage() == v1::DenoisingSpec::SALT_AND_PEPPER) value = rng.Chance(0.5) ? 255 : 0;
    std::fill_n(&picture[i], channels, value);
  }
}

absl::Status CheckDenoising(const TaskContext& context) {
  return CheckCode("denoising", context.spec.denoising().code_size(), context);
}

absl::StatusOr<std::unique_ptr<ViewBuilder>> MakeDenoisingViewBuilder(const TaskContext& context) {
  return std::make_unique<DenoisingViewBuilder>(context);
}

absl::StatusOr<std::unique_ptr<PretextTask>> MakeDenoising(const TaskContext& context,
                                                           const TrainContext& train) {
  const v1::DenoisingSpec& spec = context.spec.denoising();
  return MakeReconstruction(spec.code_size(), spec.prior_samples(), context, train);
}

}  // namespace pretext
