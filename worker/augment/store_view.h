#ifndef PRETEXT_WORKER_AUGMENT_STORE_VIEW_H_
#define PRETEXT_WORKER_AUGMENT_STORE_VIEW_H_

#include <cstdint>

#include "absl/types/span.h"
#include "worker/augment/planes.h"
#include "worker/augment/simd.h"

namespace pretext {

// Rounds the planes to bytes and writes them as height x width x channels (HWC), mirrored left to right when
// `flip`, with values of 128 and more inverted when `solarize`. One plane fills all `channels` (1 or 3).
// REQUIRES: out.size() == height * width * channels; planes.channels() is 1 or `channels`.
void StoreView(const Planes& planes, int channels, bool flip, bool solarize, absl::Span<uint8_t> out,
               Simd simd = BestSimd());

}  // namespace pretext

#endif  // PRETEXT_WORKER_AUGMENT_STORE_VIEW_H_
