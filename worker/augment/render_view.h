#ifndef PRETEXT_WORKER_AUGMENT_RENDER_VIEW_H_
#define PRETEXT_WORKER_AUGMENT_RENDER_VIEW_H_

#include <cstdint>

#include "absl/types/span.h"
#include "worker/augment/simd.h"
#include "worker/augment/view_parameters.h"
#include "worker/data/image.h"

namespace pretext {

// Writes the view of `image` that `view` describes as uint8 HWC with the image's channels. Draws nothing:
// equal arguments give equal bytes. Any thread. REQUIRES: view.crop lies in the image; out.size() == size *
// size * image.channels.
void RenderView(const Image& image, const ViewParameters& view, int size, absl::Span<uint8_t> out,
                Simd simd = BestSimd());

// The short side of the picture that evaluation cuts its centre from, for views of this size: size * 256 /
// 224, or `size` itself up to 96.
int CenterShortSide(int size);

// That centre, as uint8 HWC. REQUIRES: out.size() as above.
void RenderCenterView(const Image& image, int size, absl::Span<uint8_t> out, Simd simd = BestSimd());

}  // namespace pretext

#endif  // PRETEXT_WORKER_AUGMENT_RENDER_VIEW_H_
