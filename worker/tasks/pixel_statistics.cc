#include "worker/tasks/pixel_statistics.h"

#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/augment/view_pipeline.h"

namespace pretext {

// Whole numbers are added, so that neither the order nor the number of ranks changes the sum.
absl::StatusOr<PixelStatistics> MeasurePixels(const Dataset& dataset, int64_t samples, int side,
                                              const TrainContext& train) {
  const int channels = dataset.channels();
  std::vector<int64_t> sums(2 * channels + 1);  // of values and squares of each channel; pictures
  samples = std::min(samples, dataset.size());
  std::vector<uint8_t> view(static_cast<size_t>(side) * side * channels);
  for (int64_t i = train.process_group->rank(); i < samples; i += train.process_group->world_size()) {
    // The loader names broken files; here another picture less does no harm.
    const absl::StatusOr<Image> image = dataset.Load(i * dataset.size() / samples);
    if (!image.ok()) continue;
    RenderCenter(*image, side, absl::MakeSpan(view));
    for (size_t p = 0; p < view.size(); ++p) {
      sums[2 * (p % channels)] += view[p];
      sums[2 * (p % channels) + 1] += int64_t{view[p]} * view[p];
    }
    ++sums.back();
  }
  PRETEXT_ASSIGN_OR_RETURN(const at::Tensor gathered,
                           train.process_group->AllGather(at::tensor(sums).to(train.device).unsqueeze(0)));
  const at::Tensor total = gathered.sum(0).to(at::kCPU);
  const int64_t* sum = total.const_data_ptr<int64_t>();
  const double pixels = static_cast<double>(sum[2 * channels]) * side * side;
  if (pixels == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("none of the ", samples, " pictures looked at can be read"));
  }
  PixelStatistics found;
  for (int c = 0; c < channels; ++c) {
    const double mean = sum[2 * c] / pixels;
    found.mean.push_back(mean);
    found.deviation.push_back(std::sqrt(std::max(1.0, sum[2 * c + 1] / pixels - mean * mean)));
  }
  return found;
}

}  // namespace pretext
