#ifndef PRETEXT_WORKER_AUGMENT_CHANGE_COLORS_H_
#define PRETEXT_WORKER_AUGMENT_CHANGE_COLORS_H_

#include "pretext/v1/data.pb.h"
#include "worker/augment/simd.h"
#include "worker/augment/view_parameters.h"
#include "worker/data/image.h"
#include "worker/data/rng.h"

namespace pretext {

// How the colours of a whole picture change before anything is cut from it: jitter, grey, blur and solarize
// of `spec`, whose every value must be set; its crop and flip are not used. `spec` speaks of the blur as of
// views of `view_side` pixels, so that of a larger picture is as much wider as the picture's short side is
// longer.
ViewParameters DrawColorChange(const v1::AugmentSpec& spec, const Image& image, int view_side, Rng& rng);

// The picture with the colours that `change` says, otherwise the same, pixel for pixel: without jitter, grey,
// blur and solarize it is equal. Draws nothing; any thread. Costs as much as a view of the picture's own
// size.
Image ChangeColors(const Image& image, const ViewParameters& change, Simd simd = BestSimd());

}  // namespace pretext

#endif  // PRETEXT_WORKER_AUGMENT_CHANGE_COLORS_H_
