#include "worker/augment/crop_resize.h"

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace pretext {
namespace {

constexpr int kRowShift = 9;      // Q15 weight * byte -> Q6
constexpr int kColumnShift = 15;  // Q15 weight * Q6 -> Q6

// Up to so many source rows the first pass adds products of 16 bits, cut off at 1/256 level each; beyond that
// the cuts would add up, and it takes 32 bits.
constexpr int kFewTaps = 16;
constexpr int kFewShift = 2;  // Q8 -> Q6

// Rounds, and makes up for half of what `taps` cuts take away on average.
uint16_t FewTapsBias(int taps) {
  return static_cast<uint16_t>((1 << (kFewShift - 1)) + (taps > 1 ? taps / 2 : 0));
}

// The first pass: one row of `values` pixel values, a weighted sum of `taps` source rows `pitch` bytes apart.
void MixRowsScalar(const uint8_t* source, size_t pitch, const int16_t* weights, int taps, int begin,
                   int values, int16_t* out) {
  for (int x = begin; x < values; ++x) {
    if (taps <= kFewTaps) {
      uint32_t sum = FewTapsBias(taps);
      for (int t = 0; t < taps; ++t) sum += (uint32_t{source[t * pitch + x]} << 8) * (2u * weights[t]) >> 16;
      out[x] = static_cast<int16_t>(sum >> kFewShift);
    } else {
      int32_t sum = 1 << (kRowShift - 1);
      for (int t = 0; t < taps; ++t) sum += weights[t] * source[t * pitch + x];
      out[x] = static_cast<int16_t>(sum >> kRowShift);
    }
  }
}

// Bytes stand in the upper half of their 16 bits, so that vpmulhuw leaves a byte and a fraction.
PRETEXT_AVX2 void MixFewRowsAvx2(const uint8_t* source, size_t pitch, const int16_t* weights, int taps,
                                 int values, int16_t* out) {
  const __m256i bias = _mm256_set1_epi16(static_cast<int16_t>(FewTapsBias(taps)));
  const __m256i zero = _mm256_setzero_si256();
  for (int x = 0; x < values; x += 32) {
    if (x + 32 > values) {
      if (values < 32) return MixRowsScalar(source, pitch, weights, taps, 0, values, out);
      x = values - 32;  // the last step overlaps the one before
    }
    __m256i low = bias, high = bias;
    const uint8_t* from = source + x;
    for (int t = 0; t < taps; ++t, from += pitch) {
      const __m256i weight = _mm256_set1_epi16(static_cast<int16_t>(2 * weights[t]));
      const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
      low = _mm256_add_epi16(low, _mm256_mulhi_epu16(_mm256_unpacklo_epi8(zero, bytes), weight));
      high = _mm256_add_epi16(high, _mm256_mulhi_epu16(_mm256_unpackhi_epi8(zero, bytes), weight));
    }
    low = _mm256_srli_epi16(low, kFewShift);
    high = _mm256_srli_epi16(high, kFewShift);
    auto* to = reinterpret_cast<__m256i*>(out + x);
    _mm256_storeu_si256(to, _mm256_permute2x128_si256(low, high, 0x20));
    _mm256_storeu_si256(to + 1, _mm256_permute2x128_si256(low, high, 0x31));
  }
}

// Two source rows a step: their bytes interleaved are what vpmaddwd takes. `weights` is 0 at [taps] when
// taps is odd.
PRETEXT_AVX2 void MixManyRowsAvx2(const uint8_t* source, size_t pitch, const int16_t* weights, int taps,
                                  int values, int16_t* out) {
  const __m256i half = _mm256_set1_epi32(1 << (kRowShift - 1));
  for (int x = 0; x < values; x += 16) {
    if (x + 16 > values) {
      if (values < 16) return MixRowsScalar(source, pitch, weights, taps, 0, values, out);
      x = values - 16;
    }
    __m256i low = half, high = half;
    for (int t = 0; t < taps; t += 2) {
      int32_t pair;
      std::memcpy(&pair, weights + t, sizeof(pair));
      const __m256i weight = _mm256_set1_epi32(pair);
      const uint8_t* first = source + t * pitch + x;
      const uint8_t* second = t + 1 < taps ? first + pitch : first;
      const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(first));
      const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(second));
      low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_cvtepu8_epi16(_mm_unpacklo_epi8(a, b)), weight));
      high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_cvtepu8_epi16(_mm_unpackhi_epi8(a, b)), weight));
    }
    const __m256i packed =
        _mm256_packs_epi32(_mm256_srai_epi32(low, kRowShift), _mm256_srai_epi32(high, kRowShift));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + x), _mm256_permute4x64_epi64(packed, 0xD8));
  }
}

void MixRowsAvx2(const uint8_t* source, size_t pitch, const int16_t* weights, int taps, int values,
                 int16_t* out) {
  const auto mix = taps <= kFewTaps ? &MixFewRowsAvx2 : &MixManyRowsAvx2;
  mix(source, pitch, weights, taps, values, out);
}

// Interleaved RGB to three rows of `width` values.
void SplitScalar(const int16_t* mixed, int begin, int width, int16_t* r, int16_t* g, int16_t* b) {
  for (int x = begin; x < width; ++x) {
    r[x] = mixed[3 * x];
    g[x] = mixed[3 * x + 1];
    b[x] = mixed[3 * x + 2];
  }
}

// Of 8 pixels in three vectors, each channel is one lane in three: two blends gather them, one shuffle sorts.
PRETEXT_AVX2 void SplitAvx2(const int16_t* mixed, int width, int16_t* r, int16_t* g, int16_t* b) {
  const __m128i sort_r = _mm_setr_epi8(0, 1, 6, 7, 12, 13, 2, 3, 8, 9, 14, 15, 4, 5, 10, 11);
  const __m128i sort_g = _mm_setr_epi8(2, 3, 8, 9, 14, 15, 4, 5, 10, 11, 0, 1, 6, 7, 12, 13);
  const __m128i sort_b = _mm_setr_epi8(4, 5, 10, 11, 0, 1, 6, 7, 12, 13, 2, 3, 8, 9, 14, 15);
  int x = 0;
  for (; x + 8 <= width; x += 8) {
    const __m128i* from = reinterpret_cast<const __m128i*>(mixed + 3 * x);
    const __m128i u = _mm_loadu_si128(from), v = _mm_loadu_si128(from + 1), w = _mm_loadu_si128(from + 2);
    // Red is in lanes 0 3 6 of u, 1 4 7 of v, 2 5 of w; the others follow one lane on.
    const __m128i red = _mm_blend_epi16(_mm_blend_epi16(u, v, 0x92), w, 0x24);
    const __m128i green = _mm_blend_epi16(_mm_blend_epi16(u, v, 0x24), w, 0x49);
    const __m128i blue = _mm_blend_epi16(_mm_blend_epi16(u, v, 0x49), w, 0x92);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(r + x), _mm_shuffle_epi8(red, sort_r));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(g + x), _mm_shuffle_epi8(green, sort_g));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(b + x), _mm_shuffle_epi8(blue, sort_b));
  }
  SplitScalar(mixed, x, width, r, g, b);
}

// The second pass along one row.
void MixColumnsScalar(const int16_t* source, const ResizeAxis& axis, int16_t* out) {
  for (int x = 0; x < axis.count(); ++x) {
    const int16_t* weights = axis.weights(x);
    int32_t sum = 1 << (kColumnShift - 1);
    for (int t = 0; t < axis.taps(x); ++t) sum += weights[t] * source[axis.begin(x) + t];
    out[x] = static_cast<int16_t>(sum >> kColumnShift);
  }
}

// The products of four taps of four outputs, added up by twos: outputs a b in the low half, c d in the high.
PRETEXT_AVX2 inline __m256i FourFours(const int16_t* a, const int16_t* b, const int16_t* c, const int16_t* d,
                                      const int16_t* weights) {
  const __m128i ab = _mm_unpacklo_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(a)),
                                        _mm_loadl_epi64(reinterpret_cast<const __m128i*>(b)));
  const __m128i cd = _mm_unpacklo_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(c)),
                                        _mm_loadl_epi64(reinterpret_cast<const __m128i*>(d)));
  return _mm256_madd_epi16(_mm256_inserti128_si256(_mm256_castsi128_si256(ab), cd, 1),
                           _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights)));
}

PRETEXT_AVX2 inline void StoreColumns(__m256i sums, int16_t* out) {
  const __m256i half = _mm256_set1_epi32(1 << (kColumnShift - 1));
  const __m256i pixels = _mm256_srai_epi32(_mm256_add_epi32(sums, half), kColumnShift);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out),
                   _mm_packs_epi32(_mm256_castsi256_si128(pixels), _mm256_extracti128_si256(pixels, 1)));
}

// Eight outputs a step, four taps each: all that enlarging, and reducing to a half, needs. The horizontal
// sums come out in order. `begin` and `weights` are arranged by CropResizer::ArrangeColumnWeights.
PRETEXT_AVX2 void MixFewColumnsAvx2(const int16_t* source, const int32_t* begin, const int16_t* weights,
                                    int stride, int16_t* out) {
  for (int x = 0; x < stride; x += 8, begin += 8, weights += 32) {
    const __m256i a =
        FourFours(source + begin[0], source + begin[1], source + begin[4], source + begin[5], weights);
    const __m256i b =
        FourFours(source + begin[2], source + begin[3], source + begin[6], source + begin[7], weights + 16);
    StoreColumns(_mm256_hadd_epi32(a, b), out + x);
  }
}

// The products of eight taps of two outputs, added up by twos.
PRETEXT_AVX2 inline __m256i TwoBlocks(const int16_t* low, const int16_t* high, const int16_t* weights) {
  const __m256i pixels =
      _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(low))),
                              _mm_loadu_si128(reinterpret_cast<const __m128i*>(high)), 1);
  return _mm256_madd_epi16(pixels, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights)));
}

// The same for any number of taps, a multiple of eight; output i of the low half goes with i + 4 of the high.
PRETEXT_AVX2 void MixManyColumnsAvx2(const int16_t* source, const int32_t* begin, const int16_t* weights,
                                     int max_taps, int stride, int16_t* out) {
  for (int x = 0; x < stride; x += 8, begin += 8) {
    __m256i a = TwoBlocks(source + begin[0], source + begin[4], weights);
    __m256i b = TwoBlocks(source + begin[1], source + begin[5], weights + 16);
    __m256i c = TwoBlocks(source + begin[2], source + begin[6], weights + 32);
    __m256i d = TwoBlocks(source + begin[3], source + begin[7], weights + 48);
    weights += 64;
    for (int block = 8; block < max_taps; block += 8, weights += 64) {
      const int16_t* from = source + block;
      a = _mm256_add_epi32(a, TwoBlocks(from + begin[0], from + begin[4], weights));
      b = _mm256_add_epi32(b, TwoBlocks(from + begin[1], from + begin[5], weights + 16));
      c = _mm256_add_epi32(c, TwoBlocks(from + begin[2], from + begin[6], weights + 32));
      d = _mm256_add_epi32(d, TwoBlocks(from + begin[3], from + begin[7], weights + 48));
    }
    StoreColumns(_mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d)), out + x);
  }
}

void MixColumnsAvx2(const int16_t* source, const int32_t* begin, const int16_t* weights, int taps, int stride,
                    int16_t* out) {
  if (taps == 4) return MixFewColumnsAvx2(source, begin, weights, stride, out);
  MixManyColumnsAvx2(source, begin, weights, taps, stride, out);
}

}  // namespace

void CropResizer::ArrangeColumnWeights(int stride) {
  const int block = columns_.max_taps() == 4 ? 4 : 8;
  column_taps_ = (columns_.max_taps() + block - 1) / block * block;
  column_begin_.assign(stride, 0);
  column_weights_.assign(static_cast<size_t>(stride) * column_taps_, 0);
  // Where output x % 8 of a group has its block: see MixFewColumnsAvx2 and MixManyColumnsAvx2.
  constexpr int kPlaceOfFour[8] = {0, 1, 4, 5, 2, 3, 6, 7};
  constexpr int kPlaceOfEight[8] = {0, 2, 4, 6, 1, 3, 5, 7};
  const int* place = block == 4 ? kPlaceOfFour : kPlaceOfEight;
  for (int x = 0; x < columns_.count(); ++x) {
    column_begin_[x] = columns_.begin(x);
    int16_t* group = &column_weights_[static_cast<size_t>(x / 8) * 8 * column_taps_];
    for (int t = 0; t < columns_.taps(x); ++t) {
      group[(t / block * 8 + place[x % 8]) * block + t % block] = columns_.weights(x)[t];
    }
  }
}

void CropResizer::Resize(const Image& image, const CropBox& box, int size, Planes* out) {
  rows_.Reset(box.height, size, 0, size);
  columns_.Reset(box.width, size, 0, size);
  out->Reset(size, size, image.channels);
  Run(image, box, out);
}

void CropResizer::ResizeCenter(const Image& image, int short_side, int size, Planes* out) {
  const int64_t source_short = std::min(image.height, image.width);
  const int height = static_cast<int>(int64_t{image.height} * short_side / source_short);
  const int width = static_cast<int>(int64_t{image.width} * short_side / source_short);
  rows_.Reset(image.height, height, static_cast<int>(std::nearbyint((height - size) / 2.0)), size);
  columns_.Reset(image.width, width, static_cast<int>(std::nearbyint((width - size) / 2.0)), size);
  out->Reset(size, size, image.channels);
  Run(image, {0, 0, image.height, image.width}, out);
}

void CropResizer::Run(const Image& image, const CropBox& box, Planes* out) {
  const int channels = image.channels;
  const size_t pitch = static_cast<size_t>(image.width) * channels;
  // Only the columns that some output needs.
  const int first = columns_.begin(0);
  const int last = columns_.count() - 1;
  const int end = columns_.begin(last) + columns_.taps(last);
  const int width = end - first;
  const int split_stride = box.width + columns_.max_taps() + Planes::kLanes;  // with room to read on
  mixed_.assign(static_cast<size_t>(split_stride) * channels, 0);
  split_.assign(static_cast<size_t>(split_stride) * channels, 0);
  if (simd_ == Simd::kAvx2) ArrangeColumnWeights(out->stride());

  for (int y = 0; y < out->height(); ++y) {
    const uint8_t* source =
        image.row(box.top + rows_.begin(y)) + static_cast<size_t>(box.left + first) * channels;
    int16_t* mixed = (channels == 1 ? split_ : mixed_).data() + first * channels;
    int16_t* split = split_.data() + first;
    if (simd_ == Simd::kAvx2) {
      MixRowsAvx2(source, pitch, rows_.weights(y), rows_.taps(y), width * channels, mixed);
      if (channels == 3) {
        SplitAvx2(mixed, width, split, split + split_stride, split + 2 * split_stride);
      }
    } else {
      MixRowsScalar(source, pitch, rows_.weights(y), rows_.taps(y), 0, width * channels, mixed);
      if (channels == 3) {
        SplitScalar(mixed, 0, width, split, split + split_stride, split + 2 * split_stride);
      }
    }
    for (int c = 0; c < channels; ++c) {
      const int16_t* row = split_.data() + c * split_stride;
      if (simd_ == Simd::kAvx2) {
        MixColumnsAvx2(row, column_begin_.data(), column_weights_.data(), column_taps_, out->stride(),
                       out->row(c, y));
      } else {
        MixColumnsScalar(row, columns_, out->row(c, y));
        std::fill(out->row(c, y) + out->width(), out->row(c, y) + out->stride(), int16_t{0});
      }
    }
  }
}

}  // namespace pretext
