#include "worker/augment/change_colors.h"

#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "worker/augment/gaussian_blur.h"
#include "worker/augment/gray.h"
#include "worker/augment/render_view.h"
#include "worker/augment/test_picture.h"

namespace pretext {
namespace {

v1::AugmentSpec Augment() {
  v1::AugmentSpec spec;
  spec.set_crop_scale_min(1);
  spec.set_crop_scale_max(1);
  spec.set_jitter_probability(1);
  spec.set_brightness(0.4);
  spec.set_contrast(0.4);
  spec.set_saturation(0.4);
  spec.set_hue(0.1);
  spec.set_gray_probability(0.2);
  spec.set_blur_probability(0.5);
  spec.set_blur_sigma_min(0.5);
  spec.set_blur_sigma_max(2);
  return spec;
}

ViewParameters Jitter() {
  ViewParameters change;
  change.jitter = true;
  change.brightness = 1.2;
  change.contrast = 0.7;
  change.saturation = 1.3;
  change.hue = 0.05;
  return change;
}

void ExpectNear(const std::vector<uint8_t>& one, const std::vector<uint8_t>& other) {
  ASSERT_EQ(one.size(), other.size());
  for (size_t i = 0; i < one.size(); ++i) ASSERT_NEAR(one[i], other[i], 1) << i;
}

TEST(ChangeColorsTest, IsTheViewOfTheWholePictureWhereThatIsSquare) {
  for (const int channels : {1, 3}) {
    const Image image = NoisePicture(37, 37, channels);
    RngKey key;
    for (key.sample = 0; key.sample < 20; ++key.sample) {
      Rng rng(key);
      ViewParameters change = DrawColorChange(Augment(), image, /*view_side=*/37, rng);
      change.solarize = key.sample % 5 == 0;
      change.crop = {0, 0, 37, 37};
      std::vector<uint8_t> view(image.pixels.size());
      RenderView(image, change, 37, absl::MakeSpan(view));
      EXPECT_EQ(ChangeColors(image, change).pixels, view) << key.sample;
    }
  }
}

TEST(ChangeColorsTest, LeavesAPictureWithoutChangesAsItIs) {
  const Image image = NoisePicture(5, 40, 3);
  EXPECT_EQ(ChangeColors(image, ViewParameters()).pixels, image.pixels);
  ViewParameters flipped;
  flipped.flip = true;
  flipped.crop = {1, 1, 2, 2};
  EXPECT_EQ(ChangeColors(image, flipped).pixels, image.pixels);
}

// Jitter knows no neighbours but for the mean that contrast goes by, and the mean of the same rows twice is
// theirs.
TEST(ChangeColorsTest, ChangesOblongPicturesAsTheirParts) {
  for (const int channels : {1, 3}) {
    const Image part = NoisePicture(20, 20, channels);
    Image twice{40, 20, channels, part.pixels};
    twice.pixels.insert(twice.pixels.end(), part.pixels.begin(), part.pixels.end());
    const Image once = ChangeColors(part, Jitter());
    std::vector<uint8_t> expected = once.pixels;
    expected.insert(expected.end(), once.pixels.begin(), once.pixels.end());
    ExpectNear(ChangeColors(twice, Jitter()).pixels, expected);
    Image wide{20, 40, channels, {}};
    for (int y = 0; y < 20; ++y) {
      for (int i = 0; i < 2; ++i)
        wide.pixels.insert(wide.pixels.end(), part.row(y), part.row(y) + 20 * channels);
    }
    expected.clear();
    for (int y = 0; y < 20; ++y) {
      for (int i = 0; i < 2; ++i) expected.insert(expected.end(), once.row(y), once.row(y) + 20 * channels);
    }
    ExpectNear(ChangeColors(wide, Jitter()).pixels, expected);
  }
}

TEST(ChangeColorsTest, BlursOblongPicturesTheSameOnEveryProcessor) {
  ViewParameters change = Jitter();
  change.blur_sigma = 1.5;
  for (const auto& [height, width] :
       {std::make_pair(33, 70), std::make_pair(70, 33), std::make_pair(3, 50)}) {
    const Image image = NoisePicture(height, width, 3);
    ExpectNear(ChangeColors(image, change).pixels, ChangeColors(image, change, Simd::kScalar).pixels);
  }
}

// A point of light becomes the kernel times itself.
TEST(ChangeColorsTest, BlursAlongBothSidesOfAnOblongPicture) {
  Image image{31, 60, 1, std::vector<uint8_t>(31 * 60, 0)};
  image.pixels[15 * 60 + 30] = 255;
  ViewParameters change;
  change.blur_sigma = 0.8;
  const Image blurred = ChangeColors(image, change);
  const std::vector<int16_t> kernel = BlurKernel(0.8, BlurKernelSize(31));
  for (int r = 0; r < static_cast<int>(kernel.size()); ++r) {
    const double expected = 255.0 * kernel[0] / 32768 * kernel[r] / 32768;
    for (const int at : {(15 + r) * 60 + 30, (15 - r) * 60 + 30, 15 * 60 + 30 + r, 15 * 60 + 30 - r}) {
      EXPECT_NEAR(blurred.pixels[at], expected, 1) << r;
    }
  }
}

TEST(ChangeColorsTest, WidensTheBlurWithThePicture) {
  v1::AugmentSpec spec = Augment();
  spec.set_blur_probability(1);
  const auto sigma = [&](int height, int width) {
    Rng rng({7});
    return DrawColorChange(spec, Image{height, width, 3, {}}, /*view_side=*/50, rng).blur_sigma;
  };
  EXPECT_DOUBLE_EQ(sigma(100, 300), 2 * sigma(50, 50));
  EXPECT_DOUBLE_EQ(sigma(20, 300), sigma(50, 50));
}

TEST(ChangeColorsTest, MakesGreyCopiesOfColouredPictures) {
  ViewParameters change;
  change.gray = true;
  const Image gray = ChangeColors({1, 2, 3, {255, 0, 0, 10, 10, 10}}, change);
  EXPECT_NEAR(gray.pixels[0], kRedLuma * 255, 1);
  EXPECT_EQ(gray.pixels, (std::vector<uint8_t>{gray.pixels[0], gray.pixels[0], gray.pixels[0], 10, 10, 10}));
}

}  // namespace
}  // namespace pretext
