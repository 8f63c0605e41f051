#include "worker/train/picture_pass.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/augment/view_pipeline.h"
#include "worker/data/batch_loader.h"
#include "worker/data/subset_dataset.h"
#include "worker/train/loaded_tensors.h"

namespace pretext {
namespace {

constexpr int64_t kLeftOut = -1;

// This rank's batches of the list, whole but for the last: every world-size-th.
std::vector<int64_t> PositionsOf(const ProcessGroup& group, int64_t count, int64_t batch) {
  std::vector<int64_t> positions;
  for (int64_t begin = group.rank() * batch; begin < count; begin += group.world_size() * batch) {
    for (int64_t i = begin; i < std::min(begin + batch, count); ++i) positions.push_back(i);
  }
  return positions;
}

// The most that any rank has.
int64_t LongestShare(const ProcessGroup& group, int64_t count, int64_t batch) {
  const int64_t batches = (count + batch - 1) / batch;
  return std::min(count, (batches + group.world_size() - 1) / group.world_size() * batch);
}

// Rows of all ranks in the order of the list.
absl::StatusOr<PictureRows> Gather(const JobRun& run, const std::vector<int64_t>& positions,
                                   const at::Tensor& rows, int64_t longest) {
  const int64_t own = static_cast<int64_t>(positions.size());
  at::Tensor numbers = at::full({longest}, kLeftOut, at::kLong);
  if (own > 0) numbers.narrow(0, 0, own).copy_(at::tensor(positions));
  at::Tensor padded = rows;
  if (own < longest) padded = at::cat({rows, at::zeros({longest - own, rows.size(1)}, rows.options())});
  PRETEXT_ASSIGN_OR_RETURN(at::Tensor all_numbers, run.process_group->AllGather(numbers.to(run.device)));
  PRETEXT_ASSIGN_OR_RETURN(at::Tensor all_rows, run.process_group->AllGather(padded.to(run.device)));
  all_numbers = all_numbers.to(at::kCPU).contiguous();
  std::map<int64_t, int64_t> place;  // of each position among the gathered rows
  for (int64_t i = 0; i < all_numbers.numel(); ++i) {
    const int64_t position = all_numbers.const_data_ptr<int64_t>()[i];
    if (position != kLeftOut) place[position] = i;
  }
  PictureRows gathered;
  std::vector<int64_t> order;
  for (const auto& [position, row] : place) {
    gathered.positions.push_back(position);
    order.push_back(row);
  }
  gathered.rows = all_rows.to(at::kCPU).index_select(0, at::tensor(order, at::kLong));
  return gathered;
}

}  // namespace

int64_t PassBatch(int image_size) {
  return std::clamp<int64_t>((int64_t{1} << 22) / (int64_t{image_size} * image_size), 16, 512);
}

absl::StatusOr<PictureRows> PassOverPictures(const JobRun& run, const Dataset& dataset,
                                             const std::vector<int64_t>& indices, int image_size,
                                             double max_broken_share,
                                             const std::function<at::Tensor(const at::Tensor&)>& compute) {
  at::NoGradGuard no_grad;
  const int64_t count = static_cast<int64_t>(indices.size());
  const int64_t batch = std::min(PassBatch(image_size), std::max<int64_t>(1, count));
  const std::vector<int64_t> positions = PositionsOf(*run.process_group, count, batch);
  const int64_t own = static_cast<int64_t>(positions.size());
  // The loader deals in whole batches: the list is filled up with its last picture.
  std::vector<int64_t> chosen;
  for (const int64_t position : positions) chosen.push_back(indices[position]);
  while (!chosen.empty() && chosen.size() % batch != 0) chosen.push_back(chosen.back());
  const SubsetDataset subset(&dataset, chosen);

  SamplerSpec sampler;
  sampler.dataset_size = subset.size();
  sampler.global_batch = batch;
  sampler.shuffled = false;
  BatchLoaderOptions loading;
  loading.threads = run.data_threads;
  loading.last_step = subset.size() / batch;
  loading.max_broken_share = max_broken_share;
  const BatchLayout layout = {{"picture", ElementType::kUint8, {image_size, image_size, dataset.channels()}},
                              {"shown", ElementType::kInt64, {}}};  // another than asked for: that is broken
  BatchLoader loader(
      &subset, sampler, layout,
      [image_size](const Sample& sample, const RngKey&, const ExampleSlot& slot) {
        RenderCenter(*sample.image, image_size, slot.field<uint8_t>(0));
        slot.field<int64_t>(1)[0] = sample.index;
      },
      loading, run.clock);

  std::vector<at::Tensor> parts;
  std::vector<int64_t> kept = positions;
  for (int64_t step = 0; step < loading.last_step; ++step) {
    PRETEXT_ASSIGN_OR_RETURN(const LoadedBatch loaded, loader.Next());
    const std::vector<at::Tensor> fields = ToTensors(loaded, layout, run.device);
    const int64_t size = std::min(batch, own - step * batch);
    parts.push_back(compute(fields[0].narrow(0, 0, size)).to(at::kCPU, at::kFloat));
    const int64_t* shown = reinterpret_cast<const int64_t*>(loaded.fields[1]);
    for (int64_t i = 0; i < size; ++i) {
      if (shown[i] != loaded.indices[i]) kept[step * batch + i] = kLeftOut;
    }
  }
  for (const std::string& picture : loader.broken()) {
    run.reporter->Log(v1::LogLine::WARNING, absl::StrCat("picture left out: ", picture));
  }
  int64_t width = parts.empty() ? 0 : parts[0].size(1);
  const at::Tensor widths = at::full({1}, width, at::kLong).to(run.device);
  PRETEXT_ASSIGN_OR_RETURN(const at::Tensor all_widths, run.process_group->AllGather(widths));
  width = all_widths.max().item<int64_t>();  // a rank without pictures has seen no row
  const at::Tensor rows = parts.empty() ? at::zeros({0, width}, at::kFloat) : at::cat(parts);
  return Gather(run, kept, rows, LongestShare(*run.process_group, count, batch));
}

}  // namespace pretext
