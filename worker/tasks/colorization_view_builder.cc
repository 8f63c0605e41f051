#include "worker/tasks/colorization_view_builder.h"

#include <algorithm>
#include <cmath>

namespace pretext {
namespace {

constexpr float kGrayLimit = 5;

}  // namespace

std::vector<Lab> CellColors(absl::Span<const uint8_t> rgb, int side) {
  std::vector<Lab> colors;
  colors.reserve(ColorCells(side) * ColorCells(side));
  for (int y = 0; y < side; y += kColorStride) {
    for (int x = 0; x < side; x += kColorStride) {
      const uint8_t* pixel = rgb.data() + (static_cast<size_t>(y) * side + x) * 3;
      colors.push_back(LabFromSrgb(pixel[0], pixel[1], pixel[2]));
    }
  }
  return colors;
}

bool IsColorful(absl::Span<const Lab> colors) {
  return std::any_of(colors.begin(), colors.end(), [](const Lab& color) {
    return std::abs(color.a) > kGrayLimit || std::abs(color.b) > kGrayLimit;
  });
}

ColorizationViewBuilder::ColorizationViewBuilder(const v1::ColorizationSpec& spec, int side)
    : side_(side),
      pipeline_(spec.augment(), side, /*channels=*/3),
      encoder_(spec.neighbours(), spec.sigma()) {
  const int64_t cells = ColorCells(side);
  layout_ = {{"lightness", ElementType::kFloat32, {side, side, 1}},
             {"bins", ElementType::kInt64, {cells, cells, spec.neighbours()}},
             {"weights", ElementType::kFloat32, {cells, cells, spec.neighbours()}},
             {"colorful", ElementType::kFloat32, {1}}};
}

void ColorizationViewBuilder::Build(const Sample& sample, const RngKey& key, const ExampleSlot& slot) const {
  Rng rng(key);
  std::vector<uint8_t> view(pipeline_.bytes());
  pipeline_.Render(*sample.image, rng, absl::MakeSpan(view));

  absl::Span<float> lightness = slot.field<float>(0);
  for (size_t i = 0; i < lightness.size(); ++i) {
    lightness[i] = LightnessFromSrgb(view[3 * i], view[3 * i + 1], view[3 * i + 2]);
  }
  const std::vector<Lab> colors = CellColors(view, side_);
  const int neighbours = encoder_.neighbours();
  for (size_t i = 0; i < colors.size(); ++i) {
    encoder_.Encode(colors[i].a, colors[i].b, slot.field<int64_t>(1).subspan(i * neighbours, neighbours),
                    slot.field<float>(2).subspan(i * neighbours, neighbours));
  }
  slot.field<float>(3)[0] = IsColorful(colors) ? 1 : 0;
}

}  // namespace pretext
