#include "worker/augment/gray.h"

#include <immintrin.h>

namespace pretext {
namespace {

// The weights in Q15; they add up to one.
constexpr int kRed = 9798;
constexpr int kGreen = 19235;
constexpr int kBlue = 3735;
static_assert(kRed + kGreen + kBlue == 1 << 15, "a grey picture must stay as it is");

void ToGrayScalar(int16_t* r, const int16_t* g, const int16_t* b, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    r[i] = static_cast<int16_t>((r[i] * kRed + g[i] * kGreen + b[i] * kBlue + (1 << 14)) >> 15);
  }
}

PRETEXT_AVX2 void ToGrayAvx2(int16_t* r, const int16_t* g, const int16_t* b, size_t count) {
  const __m256i red_green = _mm256_set1_epi32(kGreen << 16 | kRed);
  const __m256i blue_half = _mm256_set1_epi32(1 << 16 | kBlue);  // blue, and the rounding constant's factor
  const __m256i half = _mm256_set1_epi16(1 << 14);
  for (size_t i = 0; i < count; i += 16) {
    const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(r + i));
    const __m256i y = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(g + i));
    const __m256i z = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + i));
    const __m256i low = _mm256_add_epi32(_mm256_madd_epi16(_mm256_unpacklo_epi16(x, y), red_green),
                                         _mm256_madd_epi16(_mm256_unpacklo_epi16(z, half), blue_half));
    const __m256i high = _mm256_add_epi32(_mm256_madd_epi16(_mm256_unpackhi_epi16(x, y), red_green),
                                          _mm256_madd_epi16(_mm256_unpackhi_epi16(z, half), blue_half));
    // Unpacking and packing both keep to their half of the vector, so the order is right again.
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(r + i),
                        _mm256_packs_epi32(_mm256_srai_epi32(low, 15), _mm256_srai_epi32(high, 15)));
  }
}

}  // namespace

void ToGray(Planes* planes, Simd simd) {
  if (planes->channels() == 1) return;
  if (simd == Simd::kAvx2) {
    ToGrayAvx2(planes->plane(0), planes->plane(1), planes->plane(2), planes->plane_values());
  } else {
    ToGrayScalar(planes->plane(0), planes->plane(1), planes->plane(2), planes->plane_values());
  }
  planes->DropColor();
}

}  // namespace pretext
