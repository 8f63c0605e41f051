#include "worker/augment/view_pipeline.h"

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "worker/augment/gray.h"
#include "worker/augment/render_view.h"
#include "worker/augment/store_view.h"
#include "worker/augment/test_picture.h"

namespace pretext {
namespace {

v1::AugmentSpec Spec() {
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
  spec.set_solarize_probability(0.2);
  return spec;
}

ViewParameters Whole(const Image& image) {
  ViewParameters view;
  view.crop = {0, 0, image.height, image.width};
  return view;
}

std::vector<uint8_t> Render(const Image& image, const ViewParameters& view, int size,
                            Simd simd = BestSimd()) {
  std::vector<uint8_t> out(static_cast<size_t>(size) * size * image.channels);
  RenderView(image, view, size, absl::MakeSpan(out), simd);
  return out;
}

TEST(StoreViewTest, GivesBackThePixels) {
  for (int size : {1, 15, 16, 33}) {
    for (int channels : {1, 3}) {
      const Image image = NoisePicture(size, size, channels);
      EXPECT_EQ(Render(image, Whole(image), size), image.pixels) << size;
      EXPECT_EQ(Render(image, Whole(image), size, Simd::kScalar), image.pixels) << size;
    }
  }
}

TEST(StoreViewTest, FlipMirrorsLeftToRight) {
  for (int size : {5, 16, 37}) {
    for (int channels : {1, 3}) {
      const Image image = NoisePicture(size, size, channels);
      ViewParameters view = Whole(image);
      view.flip = true;
      for (Simd simd : {Simd::kScalar, BestSimd()}) {
        const std::vector<uint8_t> out = Render(image, view, size, simd);
        for (int y = 0; y < size; ++y) {
          for (int x = 0; x < size; ++x) {
            for (int c = 0; c < channels; ++c) {
              ASSERT_EQ(out[(y * size + x) * channels + c], image.row(y)[(size - 1 - x) * channels + c]);
            }
          }
        }
      }
    }
  }
}

TEST(StoreViewTest, SolarizeInvertsFrom128On) {
  const Image image{2, 2, 1, {0, 127, 128, 255}};
  ViewParameters view = Whole(image);
  view.solarize = true;
  for (Simd simd : {Simd::kScalar, BestSimd()}) {
    EXPECT_EQ(Render(image, view, 2, simd), (std::vector<uint8_t>{0, 127, 127, 0}));
  }
}

TEST(ToGrayTest, TakesTheLumaAndFillsEveryChannel) {
  const Image image{2, 2, 3, {255, 0, 0, 0, 255, 0, 0, 0, 255, 80, 80, 80}};
  ViewParameters view = Whole(image);
  view.gray = true;
  for (Simd simd : {Simd::kScalar, BestSimd()}) {
    EXPECT_EQ(Render(image, view, 2, simd),
              (std::vector<uint8_t>{76, 76, 76, 150, 150, 150, 29, 29, 29, 80, 80, 80}));
  }
}

TEST(ToGrayTest, BothTwinsGiveTheSameBits) {
  Planes scalar = PlanesOf(NoisePicture(50, 50, 3)), simd = scalar;
  ToGray(&scalar, Simd::kScalar);
  ToGray(&simd, BestSimd());
  EXPECT_EQ(LevelsOf(scalar), LevelsOf(simd));
}

TEST(RenderViewTest, BothTwinsDifferByARoundingAtMost) {
  for (int channels : {1, 3}) {
    const Image image = NoisePicture(61, 83, channels);
    int64_t different = 0, total = 0;
    for (uint64_t sample = 0; sample < 50; ++sample) {
      Rng rng({4, 0, 0, sample});
      v1::AugmentSpec spec = Spec();
      spec.set_solarize_probability(0);  // it makes a rounding into a jump
      const ViewParameters view = DrawViewParameters(spec, image.height, image.width, rng);
      const std::vector<uint8_t> a = Render(image, view, 40, Simd::kScalar);
      const std::vector<uint8_t> b = Render(image, view, 40);
      for (size_t i = 0; i < a.size(); ++i, ++total) {
        ASSERT_LE(std::abs(a[i] - b[i]), 1) << sample;
        different += a[i] != b[i];
      }
    }
    EXPECT_LT(different, total / 500);
  }
}

TEST(ViewPipelineTest, EqualKeysGiveEqualViewsOnEveryThread) {
  const Image image = NoisePicture(50, 60, 3);
  const ViewPipeline pipeline(Spec(), 32, 3);
  ASSERT_EQ(pipeline.bytes(), 32 * 32 * 3);
  constexpr int kViews = 24;
  const auto render = [&](uint64_t sample) {
    std::string out(pipeline.bytes(), '\0');
    Rng rng({6, 0, 0, sample});
    pipeline.Render(image, rng, absl::MakeSpan(reinterpret_cast<uint8_t*>(out.data()), out.size()));
    return out;
  };
  std::vector<std::string> alone, together(kViews);
  for (int i = 0; i < kViews; ++i) alone.push_back(render(i));
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = kViews - 1 - t; i >= 0; i -= 3) together[i] = render(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(alone, together);
  EXPECT_NE(alone[0], alone[1]);
}

TEST(RenderCenterTest, CutsTheCentreAndShrinksFirst) {
  // A white square of the middle half of a black picture.
  Image image{448, 896, 1, std::vector<uint8_t>(448 * 896)};
  for (int y = 112; y < 336; ++y) {
    for (int x = 336; x < 560; ++x) image.pixels[y * 896 + x] = 255;
  }
  std::vector<uint8_t> out(224 * 224);
  RenderCenter(image, 224, absl::MakeSpan(out));
  // Short side 448 -> 256, so the square is 128 wide and begins at (224 - 128) / 2.
  EXPECT_EQ(std::count(out.begin(), out.end(), 255), 126 * 126);
  EXPECT_EQ(out[112 * 224 + 112], 255);
  EXPECT_EQ(out[112 * 224 + 46], 0);
  EXPECT_EQ(out[112 * 224 + 50], 255);
}

TEST(RenderCenterTest, ASmallPictureOfTheRightSizeStaysAsItIs) {
  const Image image = NoisePicture(28, 28, 1);
  std::vector<uint8_t> out(28 * 28);
  RenderCenter(image, 28, absl::MakeSpan(out));
  EXPECT_EQ(out, image.pixels);
  EXPECT_EQ(CenterShortSide(96), 96);
  EXPECT_EQ(CenterShortSide(224), 256);
}

}  // namespace
}  // namespace pretext
