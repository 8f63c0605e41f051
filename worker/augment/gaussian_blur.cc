#include "worker/augment/gaussian_blur.h"

#include <immintrin.h>

#include <algorithm>
#include <cmath>

namespace pretext {
namespace {

constexpr double kSmallestTap = 1.0 / 2048;

// (a * b + 2^14) >> 15, as vpmulhrsw does it.
int16_t MultiplyQ15(int a, int b) { return static_cast<int16_t>((a * b + (1 << 14)) >> 15); }

int Mirrored(int i, int size) {
  if (i < 0) return -i;
  return i < size ? i : 2 * size - 2 - i;
}

// out[x] = kernel[0] * middle[x] + sum over r of kernel[r] * (before[r][x] + after[r][x]). Pairs are added
// before they are multiplied: two Q6 pixels just fit in 16 bits.
void BlendScalar(const int16_t* const* before, const int16_t* const* after, const int16_t* kernel, int radius,
                 int count, int16_t* out) {
  for (int x = 0; x < count; ++x) {
    int sum = MultiplyQ15(before[0][x], kernel[0]);
    for (int r = 1; r <= radius; ++r) sum += MultiplyQ15(before[r][x] + after[r][x], kernel[r]);
    out[x] = static_cast<int16_t>(sum);
  }
}

// Two vectors a step, which hides the latency of the multiplications.
PRETEXT_AVX2 void BlendAvx2(const int16_t* const* before, const int16_t* const* after, const int16_t* kernel,
                            int radius, int count, int16_t* out) {
  for (int x = 0; x < count; x += 16) {
    const auto load = reinterpret_cast<const __m256i*>(before[0] + x);
    __m256i sum = _mm256_mulhrs_epi16(_mm256_loadu_si256(load), _mm256_set1_epi16(kernel[0]));
    for (int r = 1; r <= radius; ++r) {
      const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(before[r] + x));
      const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(after[r] + x));
      sum = _mm256_add_epi16(sum, _mm256_mulhrs_epi16(_mm256_add_epi16(a, b), _mm256_set1_epi16(kernel[r])));
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + x), sum);
  }
}

}  // namespace

int BlurKernelSize(int size) { return std::max(3, size / 10 | 1); }

std::vector<int16_t> BlurKernel(double sigma, int kernel_size) {
  const int most = kernel_size / 2;
  std::vector<double> exact(most + 1);
  double sum = 0.0;
  for (int r = 0; r <= most; ++r) {
    exact[r] = std::exp(-0.5 * r * r / (sigma * sigma));
    sum += r == 0 ? exact[r] : 2.0 * exact[r];
  }
  int radius = 0;
  while (radius < most && exact[radius + 1] / sum >= kSmallestTap) ++radius;
  double kept = exact[0];
  for (int r = 1; r <= radius; ++r) kept += 2.0 * exact[r];
  std::vector<int16_t> kernel(radius + 1);
  int total = 0;
  for (int r = radius; r >= 1; --r) {
    kernel[r] = static_cast<int16_t>(std::lround(exact[r] / kept * 32768));
    total += 2 * kernel[r];
  }
  kernel[0] = static_cast<int16_t>(std::min(32768 - total, 32767));
  return kernel;
}

void GaussianBlur(double sigma, Planes* planes, std::vector<int16_t>* scratch, Simd simd) {
  const int height = planes->height(), width = planes->width(), stride = planes->stride();
  const int side = std::min(height, width);
  std::vector<int16_t> kernel = BlurKernel(sigma, BlurKernelSize(side));
  const int radius = std::min<int>(kernel.size() - 1, side - 1);
  if (radius == 0) return;
  const auto blend = simd == Simd::kAvx2 ? &BlendAvx2 : &BlendScalar;

  // Behind the blurred plane lies one row with mirrored ends, for the pass along rows.
  const size_t plane_values = planes->plane_values();
  scratch->resize(plane_values + stride + 2 * radius + Planes::kLanes);
  int16_t* row = scratch->data() + plane_values + radius;
  std::vector<const int16_t*> before(radius + 1), after(radius + 1);
  for (int c = 0; c < planes->channels(); ++c) {
    for (int y = 0; y < height; ++y) {
      for (int r = 0; r <= radius; ++r) {
        before[r] = planes->row(c, Mirrored(y - r, height));
        after[r] = planes->row(c, Mirrored(y + r, height));
      }
      blend(before.data(), after.data(), kernel.data(), radius, stride, row);
      for (int r = 1; r <= radius; ++r) {
        row[-r] = row[Mirrored(-r, width)];
        row[width - 1 + r] = row[Mirrored(width - 1 + r, width)];
      }
      for (int r = 0; r <= radius; ++r) {
        before[r] = row - r;
        after[r] = row + r;
      }
      blend(before.data(), after.data(), kernel.data(), radius, stride,
            scratch->data() + size_t{1} * y * stride);
    }
    std::copy(scratch->data(), scratch->data() + plane_values, planes->plane(c));
  }
}

}  // namespace pretext
