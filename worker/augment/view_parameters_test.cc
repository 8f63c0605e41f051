#include "worker/augment/view_parameters.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "gtest/gtest.h"

namespace pretext {
namespace {

v1::AugmentSpec Spec() {
  v1::AugmentSpec spec;
  spec.set_crop_scale_min(0.2);
  spec.set_crop_scale_max(1.0);
  spec.set_flip_probability(0.5);
  spec.set_jitter_probability(0.8);
  spec.set_brightness(0.4);
  spec.set_contrast(0.3);
  spec.set_saturation(1.5);
  spec.set_hue(0.1);
  spec.set_gray_probability(0.2);
  spec.set_blur_probability(0.5);
  spec.set_blur_sigma_min(0.1);
  spec.set_blur_sigma_max(2.0);
  spec.set_solarize_probability(0.1);
  return spec;
}

TEST(DrawCropTest, StaysInsideWithTheAreaAndAspectAskedFor) {
  for (int i = 0; i < 2000; ++i) {
    Rng rng({1, 0, 0, static_cast<uint64_t>(i)});
    const CropBox box = DrawCrop(375, 500, 0.2, 1.0, rng);
    ASSERT_GE(box.top, 0);
    ASSERT_GE(box.left, 0);
    ASSERT_LE(box.top + box.height, 375);
    ASSERT_LE(box.left + box.width, 500);
    const double share = 1.0 * box.height * box.width / (375 * 500);
    ASSERT_GE(share, 0.195);
    const double aspect = 1.0 * box.width / box.height;
    ASSERT_GE(aspect, 0.75 - 0.01);
    ASSERT_LE(aspect, 4.0 / 3 + 0.01);
  }
}

TEST(DrawCropTest, ReachesEveryBorder) {
  CropBox low{375, 500, 375, 500}, high{0, 0, 0, 0};
  for (int i = 0; i < 500; ++i) {
    Rng rng({1, 0, 0, static_cast<uint64_t>(i)});
    const CropBox box = DrawCrop(375, 500, 0.2, 0.3, rng);
    low.top = std::min(low.top, box.top);
    low.left = std::min(low.left, box.left);
    high.top = std::max(high.top, box.top + box.height);
    high.left = std::max(high.left, box.left + box.width);
  }
  EXPECT_LT(low.top, 10);
  EXPECT_LT(low.left, 10);
  EXPECT_GT(high.top, 365);
  EXPECT_GT(high.left, 490);
}

TEST(DrawCropTest, APictureOfNoAllowedAspectGivesItsLargestCentreCrop) {
  Rng rng({1});
  const CropBox wide = DrawCrop(10, 1000, 1.0, 1.0, rng);
  EXPECT_EQ(wide.height, 10);
  EXPECT_EQ(wide.width, 13);
  EXPECT_EQ(wide.left, 493);
  const CropBox tall = DrawCrop(1000, 9, 1.0, 1.0, rng);
  EXPECT_EQ(tall.width, 9);
  EXPECT_EQ(tall.height, 12);
  const CropBox one = DrawCrop(1, 1, 0.2, 1.0, rng);
  EXPECT_EQ(one.height, 1);
  EXPECT_EQ(one.width, 1);
}

TEST(DrawViewParametersTest, ChancesAndRangesAreThoseOfTheSpec) {
  constexpr int kViews = 20'000;
  int flips = 0, jitters = 0, grays = 0, blurs = 0, solarized = 0;
  std::map<ColorOperation, int> first;
  for (int i = 0; i < kViews; ++i) {
    Rng rng({2, 0, 0, static_cast<uint64_t>(i)});
    const ViewParameters view = DrawViewParameters(Spec(), 100, 100, rng);
    flips += view.flip;
    jitters += view.jitter;
    grays += view.gray;
    blurs += view.blur_sigma > 0;
    solarized += view.solarize;
    ++first[view.order[0]];
    ASSERT_GE(view.brightness, 0.6);
    ASSERT_LE(view.brightness, 1.4);
    ASSERT_GE(view.contrast, 0.7);
    ASSERT_LE(view.contrast, 1.3);
    ASSERT_GE(view.saturation, 0.0);  // 1 - 1.5, but never below 0
    ASSERT_LE(view.saturation, 2.5);
    ASSERT_LE(std::abs(view.hue), 0.1);
    if (view.blur_sigma > 0) ASSERT_TRUE(view.blur_sigma >= 0.1 && view.blur_sigma <= 2.0);
  }
  EXPECT_NEAR(1.0 * flips / kViews, 0.5, 0.02);
  EXPECT_NEAR(1.0 * jitters / kViews, 0.8, 0.02);
  EXPECT_NEAR(1.0 * grays / kViews, 0.2, 0.02);
  EXPECT_NEAR(1.0 * blurs / kViews, 0.5, 0.02);
  EXPECT_NEAR(1.0 * solarized / kViews, 0.1, 0.02);
  ASSERT_EQ(first.size(), 4u);
  for (const auto& [operation, count] : first) EXPECT_NEAR(1.0 * count / kViews, 0.25, 0.02);
}

TEST(DrawViewParametersTest, DependsOnTheKeyAlone) {
  Rng a({3, 1, 2, 7, 0}), b({3, 1, 2, 7, 0}), other({3, 1, 2, 7, 1});
  const ViewParameters first = DrawViewParameters(Spec(), 100, 100, a);
  const ViewParameters again = DrawViewParameters(Spec(), 100, 100, b);
  const ViewParameters second = DrawViewParameters(Spec(), 100, 100, other);
  EXPECT_EQ(first.hue, again.hue);
  EXPECT_EQ(first.crop.left, again.crop.left);
  EXPECT_EQ(first.order, again.order);
  EXPECT_NE(first.hue, second.hue);
}

}  // namespace
}  // namespace pretext
