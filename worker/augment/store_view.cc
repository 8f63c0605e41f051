#include "worker/augment/store_view.h"

#include <immintrin.h>

#include <algorithm>
#include <cstring>

namespace pretext {
namespace {

constexpr int kShift = 6;  // Q6 to bytes
constexpr int kBlock = 16;

struct Rows {
  const int16_t* r;
  const int16_t* g;
  const int16_t* b;
};

uint8_t ToByte(int16_t value, bool solarize) {
  const int byte = std::min(std::max((value + (1 << (kShift - 1))) >> kShift, 0), 255);
  return static_cast<uint8_t>(solarize && byte >= 128 ? 255 - byte : byte);
}

void StoreRowScalar(const Rows& rows, int width, int channels, bool flip, bool solarize, uint8_t* out) {
  for (int x = 0; x < width; ++x) {
    uint8_t* to = out + channels * (flip ? width - 1 - x : x);
    to[0] = ToByte(rows.r[x], solarize);
    if (channels == 3) {
      to[1] = ToByte(rows.g[x], solarize);
      to[2] = ToByte(rows.b[x], solarize);
    }
  }
}

// Sixteen bytes of a plane, in the order in which they are written.
PRETEXT_AVX2 inline __m128i ToBytes16(const int16_t* from, bool flip, bool solarize) {
  const __m256i values = _mm256_add_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)),
                                          _mm256_set1_epi16(1 << (kShift - 1)));
  const __m256i whole = _mm256_srai_epi16(values, kShift);
  __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
  // 255 - x is ~x; the sign bit of a byte says 128 and more.
  if (solarize) bytes = _mm_xor_si128(bytes, _mm_cmplt_epi8(bytes, _mm_setzero_si128()));
  if (flip) {
    bytes = _mm_shuffle_epi8(bytes, _mm_setr_epi8(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
  }
  return bytes;
}

PRETEXT_AVX2 inline __m128i Or3(__m128i a, __m128i b, __m128i c) {
  return _mm_or_si128(_mm_or_si128(a, b), c);
}

// Writes 16 RGB pixels: each third of the output takes five or six bytes of every plane.
PRETEXT_AVX2 inline void Interleave16(__m128i r, __m128i g, __m128i b, uint8_t* out) {
  constexpr char n = -1;  // a zero byte
  const __m128i r0 = _mm_setr_epi8(0, n, n, 1, n, n, 2, n, n, 3, n, n, 4, n, n, 5);
  const __m128i g0 = _mm_setr_epi8(n, 0, n, n, 1, n, n, 2, n, n, 3, n, n, 4, n, n);
  const __m128i b0 = _mm_setr_epi8(n, n, 0, n, n, 1, n, n, 2, n, n, 3, n, n, 4, n);
  const __m128i r1 = _mm_setr_epi8(n, n, 6, n, n, 7, n, n, 8, n, n, 9, n, n, 10, n);
  const __m128i g1 = _mm_setr_epi8(5, n, n, 6, n, n, 7, n, n, 8, n, n, 9, n, n, 10);
  const __m128i b1 = _mm_setr_epi8(n, 5, n, n, 6, n, n, 7, n, n, 8, n, n, 9, n, n);
  const __m128i r2 = _mm_setr_epi8(n, 11, n, n, 12, n, n, 13, n, n, 14, n, n, 15, n, n);
  const __m128i g2 = _mm_setr_epi8(n, n, 11, n, n, 12, n, n, 13, n, n, 14, n, n, 15, n);
  const __m128i b2 = _mm_setr_epi8(10, n, n, 11, n, n, 12, n, n, 13, n, n, 14, n, n, 15);
  auto* to = reinterpret_cast<__m128i*>(out);
  _mm_storeu_si128(to, Or3(_mm_shuffle_epi8(r, r0), _mm_shuffle_epi8(g, g0), _mm_shuffle_epi8(b, b0)));
  _mm_storeu_si128(to + 1, Or3(_mm_shuffle_epi8(r, r1), _mm_shuffle_epi8(g, g1), _mm_shuffle_epi8(b, b1)));
  _mm_storeu_si128(to + 2, Or3(_mm_shuffle_epi8(r, r2), _mm_shuffle_epi8(g, g2), _mm_shuffle_epi8(b, b2)));
}

PRETEXT_AVX2 void StoreRowAvx2(const Rows& rows, int width, int channels, bool flip, bool solarize,
                               uint8_t* out) {
  for (int x = 0; x < width; x += kBlock) {
    const int count = std::min(kBlock, width - x);
    uint8_t pixels[3 * kBlock];
    const bool whole = count == kBlock;
    // Of a block that sticks out, the mirrored order has what counts at its end.
    uint8_t* to = out + channels * (flip ? width - x - count : x);
    uint8_t* block = whole ? to : pixels;
    const __m128i r = ToBytes16(rows.r + x, flip, solarize);
    if (channels == 3) {
      Interleave16(r, ToBytes16(rows.g + x, flip, solarize), ToBytes16(rows.b + x, flip, solarize), block);
    } else {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(block), r);
    }
    if (!whole) std::memcpy(to, pixels + (flip ? channels * (kBlock - count) : 0), channels * count);
  }
}

}  // namespace

void StoreView(const Planes& planes, int channels, bool flip, bool solarize, absl::Span<uint8_t> out,
               Simd simd) {
  const auto store = simd == Simd::kAvx2 ? &StoreRowAvx2 : &StoreRowScalar;
  const bool color = planes.channels() == 3;
  for (int y = 0; y < planes.height(); ++y) {
    const Rows rows = {planes.row(0, y), planes.row(color ? 1 : 0, y), planes.row(color ? 2 : 0, y)};
    store(rows, planes.width(), channels, flip, solarize,
          out.data() + static_cast<size_t>(y) * planes.width() * channels);
  }
}

}  // namespace pretext
