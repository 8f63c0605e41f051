#ifndef PRETEXT_WORKER_AUGMENT_VIEW_PIPELINE_H_
#define PRETEXT_WORKER_AUGMENT_VIEW_PIPELINE_H_

#include <cstdint>

#include "absl/types/span.h"
#include "pretext/v1/data.pb.h"
#include "worker/data/image.h"
#include "worker/data/rng.h"

namespace pretext {

// A random view of a picture: crop, resize, flip, colour, blur, with torchvision's definitions. Every value
// of `spec` must be set (proto/cpp/defaults does that). Immutable; Render may be called concurrently.
class ViewPipeline {
 public:
  // Views are size x size x channels; channels is 1 or 3 and equals the pictures'.
  ViewPipeline(const v1::AugmentSpec& spec, int size, int channels);

  // Draws this view's parameters from `rng` and writes it as uint8 HWC. REQUIRES: out.size() == bytes().
  void Render(const Image& image, Rng& rng, absl::Span<uint8_t> out) const;

  int64_t bytes() const;  // size * size * channels

 private:
  v1::AugmentSpec spec_;
  int size_;
  int channels_;
};

// The view of a picture that nothing is drawn for, as evaluation uses it: the short side resized to
// size * 256 / 224 with antialiasing (to `size` itself when size <= 96), then the centre. uint8 HWC.
void RenderCenter(const Image& image, int size, absl::Span<uint8_t> out);

}  // namespace pretext

#endif  // PRETEXT_WORKER_AUGMENT_VIEW_PIPELINE_H_
