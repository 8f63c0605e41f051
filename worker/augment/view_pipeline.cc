#include "worker/augment/view_pipeline.h"

#include "worker/augment/render_view.h"
#include "worker/augment/view_parameters.h"

namespace pretext {

ViewPipeline::ViewPipeline(const v1::AugmentSpec& spec, int size, int channels)
    : spec_(spec), size_(size), channels_(channels) {}

void ViewPipeline::Render(const Image& image, Rng& rng, absl::Span<uint8_t> out) const {
  RenderView(image, DrawViewParameters(spec_, image.height, image.width, rng), size_, out);
}

void RenderCenter(const Image& image, int size, absl::Span<uint8_t> out) {
  RenderCenterView(image, size, out);
}

int64_t ViewPipeline::bytes() const { return int64_t{size_} * size_ * channels_; }

}  // namespace pretext
