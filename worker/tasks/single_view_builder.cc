#include "worker/tasks/single_view_builder.h"

namespace pretext {

SingleViewBuilder::SingleViewBuilder(const std::string& name, const v1::AugmentSpec& augment,
                                     const TaskContext& context)
    : pipeline_(augment, context.image_size, context.dataset->channels()),
      layout_({{name,
                ElementType::kUint8,
                {context.image_size, context.image_size, context.dataset->channels()}}}) {}

void SingleViewBuilder::Build(const Sample& sample, const RngKey& key, const ExampleSlot& slot) const {
  Rng rng(key);
  pipeline_.Render(*sample.image, rng, slot.field<uint8_t>(0));
}

}  // namespace pretext
