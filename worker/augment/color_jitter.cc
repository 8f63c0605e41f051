#include "worker/augment/color_jitter.h"

#include <immintrin.h>

#include <algorithm>
#include <cmath>

#include "absl/types/span.h"
#include "worker/augment/gray.h"

namespace pretext {
namespace {

constexpr float kWhite = kPixelWhite;
constexpr float kTiny = 1e-9f;  // for a chroma of 0, where the hue does not matter

using Steps = absl::Span<const ColorStep>;

// A run of steps over all planes: `store` writes the result back, the return value is the sum of its luma.
// `mean` is what a contrast step blends with. With one channel `r`, `g` and `b` are the same plane.
using ColorRun = double (*)(Steps steps, float mean, bool store, Planes* planes);

float Clamp(float value) { return std::min(std::max(value, 0.0f), kWhite); }

struct Pixel {
  float r, g, b;

  float Luma() const { return kRedLuma * r + kGreenLuma * g + kBlueLuma * b; }
  void Blend(float factor, float other) {
    const float rest = (1.0f - factor) * other;
    r = Clamp(factor * r + rest);
    g = Clamp(factor * g + rest);
    b = Clamp(factor * b + rest);
  }
};

// value - chroma * max(0, min(k, 4 - k, 1)), k = (n + 6 hue) mod 6: the channel that peaks n sixths before
// the circle closes (Smith 1978 without its case distinction).
float Channel(float n, float hue6, float value, float chroma) {
  float k = n + hue6;
  if (k >= 6.0f) k -= 6.0f;
  return value - chroma * std::max(0.0f, std::min(std::min(k, 4.0f - k), 1.0f));
}

// `shift6` is the shift in sixths of a turn, 0 <= shift6 < 6.
void ShiftHue(float shift6, Pixel* p) {
  const float value = std::max({p->r, p->g, p->b});
  const float chroma = value - std::min({p->r, p->g, p->b});
  const float inverse = 1.0f / std::max(chroma, kTiny);
  float hue6;
  if (p->r == value) {
    hue6 = (p->g - p->b) * inverse;
  } else if (p->g == value) {
    hue6 = 2.0f + (p->b - p->r) * inverse;
  } else {
    hue6 = 4.0f + (p->r - p->g) * inverse;
  }
  hue6 += shift6;
  if (hue6 < 0.0f) hue6 += 6.0f;
  if (hue6 >= 6.0f) hue6 -= 6.0f;
  p->r = Channel(5.0f, hue6, value, chroma);
  p->g = Channel(3.0f, hue6, value, chroma);
  p->b = Channel(1.0f, hue6, value, chroma);
}

// Sixths of a turn, 0 <= result < 6.
float HueSixths(float turns) {
  const float sixths = 6.0f * (turns - std::floor(turns));
  return sixths < 6.0f ? sixths : 0.0f;
}

double RunScalar(Steps steps, float mean, bool store, Planes* planes) {
  const int channels = planes->channels();
  double sum = 0.0;
  for (int y = 0; y < planes->height(); ++y) {
    int16_t* rows[3];
    for (int c = 0; c < 3; ++c) rows[c] = planes->row(std::min(c, channels - 1), y);
    for (int x = 0; x < planes->width(); ++x) {
      Pixel p = {static_cast<float>(rows[0][x]), static_cast<float>(rows[1][x]),
                 static_cast<float>(rows[2][x])};
      for (const ColorStep& step : steps) {
        if (step.operation == ColorOperation::kHue) {
          ShiftHue(HueSixths(step.amount), &p);
        } else {
          p.Blend(step.amount, step.operation == ColorOperation::kBrightness ? 0.0f
                               : step.operation == ColorOperation::kContrast ? mean
                                                                             : p.Luma());
        }
      }
      sum += p.Luma();
      if (!store) continue;
      const float result[3] = {p.r, p.g, p.b};
      for (int c = 0; c < channels; ++c) rows[c][x] = static_cast<int16_t>(std::nearbyint(result[c]));
    }
  }
  return sum;
}

// Eight pixels.
struct Pixels {
  __m256 r, g, b;
};

PRETEXT_AVX2 inline __m256 Load8(const int16_t* from) {
  const __m128i values = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(values));
}

PRETEXT_AVX2 inline void Store16(__m256 low, __m256 high, int16_t* to) {
  const __m256i packed = _mm256_packs_epi32(_mm256_cvtps_epi32(low), _mm256_cvtps_epi32(high));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_permute4x64_epi64(packed, 0xD8));
}

PRETEXT_AVX2 inline __m256 Luma8(const Pixels& p) {
  const __m256 red = _mm256_mul_ps(p.r, _mm256_set1_ps(kRedLuma));
  const __m256 red_green = _mm256_fmadd_ps(p.g, _mm256_set1_ps(kGreenLuma), red);
  return _mm256_fmadd_ps(p.b, _mm256_set1_ps(kBlueLuma), red_green);
}

PRETEXT_AVX2 inline __m256 Clamp8(__m256 value) {
  return _mm256_min_ps(_mm256_max_ps(value, _mm256_setzero_ps()), _mm256_set1_ps(kWhite));
}

PRETEXT_AVX2 inline void Blend8(float factor, __m256 other, Pixels* p) {
  const __m256 f = _mm256_set1_ps(factor);
  const __m256 rest = _mm256_mul_ps(_mm256_set1_ps(1.0f - factor), other);
  p->r = Clamp8(_mm256_fmadd_ps(f, p->r, rest));
  p->g = Clamp8(_mm256_fmadd_ps(f, p->g, rest));
  p->b = Clamp8(_mm256_fmadd_ps(f, p->b, rest));
}

PRETEXT_AVX2 inline __m256 Channel8(float n, __m256 hue6, __m256 value, __m256 chroma) {
  const __m256 six = _mm256_set1_ps(6.0f);
  __m256 k = _mm256_add_ps(hue6, _mm256_set1_ps(n));
  k = _mm256_sub_ps(k, _mm256_and_ps(_mm256_cmp_ps(k, six, _CMP_GE_OQ), six));
  const __m256 fall = _mm256_min_ps(k, _mm256_sub_ps(_mm256_set1_ps(4.0f), k));
  const __m256 share = _mm256_max_ps(_mm256_min_ps(fall, _mm256_set1_ps(1.0f)), _mm256_setzero_ps());
  return _mm256_fnmadd_ps(chroma, share, value);
}

PRETEXT_AVX2 inline void ShiftHue8(float shift6, Pixels* p) {
  const __m256 six = _mm256_set1_ps(6.0f);
  const __m256 value = _mm256_max_ps(_mm256_max_ps(p->r, p->g), p->b);
  const __m256 chroma = _mm256_sub_ps(value, _mm256_min_ps(_mm256_min_ps(p->r, p->g), p->b));
  const __m256 inverse = _mm256_div_ps(_mm256_set1_ps(1.0f), _mm256_max_ps(chroma, _mm256_set1_ps(kTiny)));
  const __m256 is_red = _mm256_cmp_ps(p->r, value, _CMP_EQ_OQ);
  const __m256 is_green = _mm256_cmp_ps(p->g, value, _CMP_EQ_OQ);
  __m256 difference = _mm256_blendv_ps(_mm256_sub_ps(p->r, p->g), _mm256_sub_ps(p->b, p->r), is_green);
  difference = _mm256_blendv_ps(difference, _mm256_sub_ps(p->g, p->b), is_red);
  __m256 base = _mm256_blendv_ps(_mm256_set1_ps(4.0f + shift6), _mm256_set1_ps(2.0f + shift6), is_green);
  base = _mm256_blendv_ps(base, _mm256_set1_ps(shift6), is_red);
  __m256 hue6 = _mm256_fmadd_ps(difference, inverse, base);
  hue6 = _mm256_add_ps(hue6, _mm256_and_ps(_mm256_cmp_ps(hue6, _mm256_setzero_ps(), _CMP_LT_OQ), six));
  hue6 = _mm256_sub_ps(hue6, _mm256_and_ps(_mm256_cmp_ps(hue6, six, _CMP_GE_OQ), six));
  p->r = Channel8(5.0f, hue6, value, chroma);
  p->g = Channel8(3.0f, hue6, value, chroma);
  p->b = Channel8(1.0f, hue6, value, chroma);
}

// Two times eight pixels, so that one hides the latency of the other.
PRETEXT_AVX2 inline void Apply16(const ColorStep& step, float mean, Pixels* p, Pixels* q) {
  switch (step.operation) {
    case ColorOperation::kBrightness:
      Blend8(step.amount, _mm256_setzero_ps(), p);
      return Blend8(step.amount, _mm256_setzero_ps(), q);
    case ColorOperation::kContrast:
      Blend8(step.amount, _mm256_set1_ps(mean), p);
      return Blend8(step.amount, _mm256_set1_ps(mean), q);
    case ColorOperation::kSaturation:
      Blend8(step.amount, Luma8(*p), p);
      return Blend8(step.amount, Luma8(*q), q);
    case ColorOperation::kHue:  // in sixths already
      ShiftHue8(step.amount, p);
      return ShiftHue8(step.amount, q);
  }
}

PRETEXT_AVX2 inline double SumOf8(__m256 values) {
  alignas(32) float lanes[8];
  _mm256_store_ps(lanes, values);
  double sum = 0.0;
  for (float lane : lanes) sum += lane;
  return sum;
}

PRETEXT_AVX2 double RunAvx2(Steps steps, float mean, bool store, Planes* planes) {
  ColorStep prepared[4];
  const size_t count = std::min<size_t>(steps.size(), 4);
  for (size_t i = 0; i < count; ++i) {
    prepared[i] = steps[i];
    if (steps[i].operation == ColorOperation::kHue) prepared[i].amount = HueSixths(steps[i].amount);
  }
  const int channels = planes->channels();
  double sum = 0.0;
  for (int y = 0; y < planes->height(); ++y) {
    int16_t* r = planes->row(0, y);
    int16_t* g = planes->row(channels == 3 ? 1 : 0, y);
    int16_t* b = planes->row(channels == 3 ? 2 : 0, y);
    __m256 row_sum = _mm256_setzero_ps();
    for (int x = 0; x < planes->stride(); x += 16) {
      Pixels p = {Load8(r + x), Load8(g + x), Load8(b + x)};
      Pixels q = {Load8(r + x + 8), Load8(g + x + 8), Load8(b + x + 8)};
      for (size_t i = 0; i < count; ++i) Apply16(prepared[i], mean, &p, &q);
      row_sum = _mm256_add_ps(row_sum, _mm256_add_ps(Luma8(p), Luma8(q)));
      if (!store) continue;
      Store16(p.r, q.r, r + x);
      if (channels == 3) {
        Store16(p.g, q.g, g + x);
        Store16(p.b, q.b, b + x);
      }
    }
    sum += SumOf8(row_sum);
  }
  return sum;
}

}  // namespace

std::vector<ColorStep> ColorSteps(const ViewParameters& view, int channels) {
  std::vector<ColorStep> steps;
  if (!view.jitter) return steps;
  for (ColorOperation operation : view.order) {
    double amount = 1.0, nothing = 1.0;
    bool needs_color = false;
    switch (operation) {
      case ColorOperation::kBrightness:
        amount = view.brightness;
        break;
      case ColorOperation::kContrast:
        amount = view.contrast;
        break;
      case ColorOperation::kSaturation:
        amount = view.saturation;
        needs_color = true;
        break;
      case ColorOperation::kHue:
        amount = view.hue;
        nothing = 0.0;
        needs_color = true;
        break;
    }
    if (amount != nothing && (channels == 3 || !needs_color)) {
      steps.push_back({operation, static_cast<float>(amount)});
    }
  }
  return steps;
}

void ColorJitter(const std::vector<ColorStep>& steps, Planes* planes, Simd simd) {
  if (steps.empty()) return;
  const ColorRun run = simd == Simd::kAvx2 ? &RunAvx2 : &RunScalar;
  const auto contrast = std::find_if(steps.begin(), steps.end(), [](const ColorStep& step) {
    return step.operation == ColorOperation::kContrast;
  });
  Steps rest(steps);
  float mean = 0.0f;
  if (contrast != steps.end()) {
    // The mean needs every pixel as the steps before leave it: they are a pass of their own.
    const size_t before = contrast - steps.begin();
    const double sum = run(rest.first(before), mean, /*store=*/before > 0, planes);
    mean = static_cast<float>(sum / (static_cast<double>(planes->height()) * planes->width()));
    rest.remove_prefix(before);
  }
  run(rest, mean, /*store=*/true, planes);
}

}  // namespace pretext
