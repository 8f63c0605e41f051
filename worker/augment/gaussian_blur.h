#ifndef PRETEXT_WORKER_AUGMENT_GAUSSIAN_BLUR_H_
#define PRETEXT_WORKER_AUGMENT_GAUSSIAN_BLUR_H_

#include <cstdint>
#include <vector>

#include "worker/augment/planes.h"
#include "worker/augment/simd.h"

namespace pretext {

// Width of torchvision's kernel for views of this (shorter) side: a tenth of it, odd, at least 3 (23 for
// 224).
int BlurKernelSize(int size);

// The kernel from its middle outwards in Q15, adding up to one over both sides: exp(-x^2 / 2 sigma^2) at
// whole pixels, cut at `kernel_size` and where a tap falls below 1/2048. REQUIRES: sigma > 0.
std::vector<int16_t> BlurKernel(double sigma, int kernel_size);

// torchvision's GaussianBlur: separable, mirrored at the border without repeating it. Every plane of
// `planes`; `scratch` is overwritten. Views of one pixel stay as they are.
void GaussianBlur(double sigma, Planes* planes, std::vector<int16_t>* scratch, Simd simd = BestSimd());

}  // namespace pretext

#endif  // PRETEXT_WORKER_AUGMENT_GAUSSIAN_BLUR_H_
