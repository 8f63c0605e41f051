// Time of the stages of a view, one thread. Run with
//   bazel run -c opt //worker/augment:view_pipeline_benchmark
// The picture is smooth noise; the whole chain on photographs, beside other libraries, is
// tests/benchmarks/views_per_second.py.

#include <cmath>
#include <vector>

#include "benchmark/benchmark.h"
#include "worker/augment/color_jitter.h"
#include "worker/augment/crop_resize.h"
#include "worker/augment/gaussian_blur.h"
#include "worker/augment/gray.h"
#include "worker/augment/render_view.h"
#include "worker/augment/store_view.h"
#include "worker/augment/view_pipeline.h"

namespace pretext {
namespace {

constexpr int kSize = 224;

Image Picture(int height, int width) {
  Image image{height, width, 3, std::vector<uint8_t>(size_t{3} * height * width)};
  Rng rng({.seed = 1});
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    const double wave = std::sin(0.011 * i) + std::sin(0.0007 * i);
    image.pixels[i] = static_cast<uint8_t>(100 + 40 * wave + 20 * rng.Uniform());
  }
  return image;
}

v1::AugmentSpec MocoSpec() {
  v1::AugmentSpec spec;
  spec.set_crop_scale_min(0.2);
  spec.set_crop_scale_max(1.0);
  spec.set_flip_probability(0.5);
  spec.set_jitter_probability(0.8);
  spec.set_brightness(0.4);
  spec.set_contrast(0.4);
  spec.set_saturation(0.4);
  spec.set_hue(0.1);
  spec.set_gray_probability(0.2);
  spec.set_blur_probability(0.5);
  spec.set_blur_sigma_min(0.1);
  spec.set_blur_sigma_max(2.0);
  spec.set_solarize_probability(0.0);
  return spec;
}

Simd SimdOf(const benchmark::State& state, int argument = 0) {
  return state.range(argument) != 0 ? Simd::kAvx2 : Simd::kScalar;
}

Planes View() {
  Planes planes;
  CropResizer().Resize(Picture(375, 500), {0, 0, 375, 500}, kSize, &planes);
  return planes;
}

// Arguments: SIMD or not, side of the crop.
void BM_CropResize(benchmark::State& state) {
  const Image image = Picture(500, 500);
  const int side = static_cast<int>(state.range(1));
  CropResizer resizer(SimdOf(state));
  Planes planes;
  for (auto unused : state) {
    resizer.Resize(image, {0, 0, side, side}, kSize, &planes);
    benchmark::DoNotOptimize(planes.plane(0));
  }
}
BENCHMARK(BM_CropResize)->ArgsProduct({{0, 1}, {150, 300, 500}});

void BM_ColorJitter(benchmark::State& state) {
  const Planes fresh = View();
  Planes planes = fresh;
  const std::vector<ColorStep> steps = {{ColorOperation::kBrightness, 1.1f},
                                        {ColorOperation::kHue, 0.05f},
                                        {ColorOperation::kContrast, 0.9f},
                                        {ColorOperation::kSaturation, 1.2f}};
  for (auto unused : state) {
    planes = fresh;
    ColorJitter(steps, &planes, SimdOf(state));
    benchmark::DoNotOptimize(planes.plane(0));
  }
}
BENCHMARK(BM_ColorJitter)->Arg(0)->Arg(1);

void BM_Gray(benchmark::State& state) {
  const Planes fresh = View();
  for (auto unused : state) {
    Planes planes = fresh;
    ToGray(&planes, SimdOf(state));
    benchmark::DoNotOptimize(planes.plane(0));
  }
}
BENCHMARK(BM_Gray)->Arg(0)->Arg(1);

// Arguments: SIMD or not, 10 sigma.
void BM_GaussianBlur(benchmark::State& state) {
  Planes planes = View();
  std::vector<int16_t> scratch;
  for (auto unused : state) {
    GaussianBlur(0.1 * state.range(1), &planes, &scratch, SimdOf(state));
    benchmark::DoNotOptimize(planes.plane(0));
  }
}
BENCHMARK(BM_GaussianBlur)->ArgsProduct({{0, 1}, {5, 10, 20}});

void BM_StoreView(benchmark::State& state) {
  const Planes planes = View();
  std::vector<uint8_t> out(kSize * kSize * 3);
  for (auto unused : state) {
    StoreView(planes, 3, /*flip=*/true, /*solarize=*/false, absl::MakeSpan(out), SimdOf(state));
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(BM_StoreView)->Arg(0)->Arg(1);

// Arguments: side of the view, height and width of the picture.
void BM_MocoView(benchmark::State& state) {
  const int size = static_cast<int>(state.range(0));
  const Image image = Picture(static_cast<int>(state.range(1)), static_cast<int>(state.range(2)));
  v1::AugmentSpec spec = MocoSpec();
  if (size <= 64) spec.set_blur_probability(0.0);
  const ViewPipeline pipeline(spec, size, 3);
  std::vector<uint8_t> out(pipeline.bytes());
  uint64_t sample = 0;
  for (auto unused : state) {
    Rng rng({.seed = 1, .sample = ++sample});
    pipeline.Render(image, rng, absl::MakeSpan(out));
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_MocoView)->Args({224, 375, 500})->Args({96, 375, 500})->Args({32, 32, 32});

}  // namespace
}  // namespace pretext

BENCHMARK_MAIN();
