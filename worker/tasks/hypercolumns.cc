#include "worker/tasks/hypercolumns.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/grid_sampler_2d.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include "absl/strings/str_cat.h"

namespace pretext {
namespace {

// As at::grid_sampler_2d numbers them.
constexpr int64_t kBilinear = 0;
constexpr int64_t kBorder = 1;

}  // namespace

// The sampler's coordinates: -1 and 1 are the outer edges of the picture's outermost pixels.
at::Tensor SampleAtPoints(const at::Tensor& map, const at::Tensor& points, int64_t side) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const at::Tensor places = (points.to(at::kFloat) * 2 + 1) / static_cast<double>(side) - 1;
  const at::Tensor grid = places.flip({2}).unsqueeze(2);  // (B, P, 1, 2), column first
  return at::grid_sampler_2d(map.to(at::kFloat), grid, kBilinear, kBorder, /*align_corners=*/false)
      .squeeze(3)
      .permute({0, 2, 1});
}

Hypercolumns::Hypercolumns(const std::vector<int>& channels) {
  for (size_t i = 0; i < channels.size(); ++i) {
    norms_.push_back(
        register_module(absl::StrCat("norm", i), std::make_shared<GroupedBatchNorm>(channels[i])));
    norms_.back()->weight.set_requires_grad(false);
    norms_.back()->bias.set_requires_grad(false);
    size_ += channels[i];
  }
}

at::Tensor Hypercolumns::Forward(const std::vector<at::Tensor>& maps, const at::Tensor& points,
                                 int64_t side) {
  std::vector<at::Tensor> parts;
  for (size_t i = 0; i < maps.size(); ++i) {
    parts.push_back(norms_[i]->Forward(SampleAtPoints(maps[i], points, side).flatten(0, 1)));
  }
  return at::cat(parts, 1);
}

}  // namespace pretext
