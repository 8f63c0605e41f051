#include "worker/stages/picture_pass.h"

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

// What this rank makes of its share.
struct OwnRows {
  std::vector<int64_t> positions;  // as asked for; kLeftOut where the picture is broken
  at::Tensor rows;
  bool stopped = false;  // before the end, as asked
};

absl::StatusOr<OwnRows> ComputeOwn(const JobRun& run, const PicturePass& pass,
                                   const std::vector<int64_t>& positions, int64_t batch) {
  OwnRows own;
  own.positions = positions;
  own.rows = at::zeros({0, 0}, at::kFloat);
  if (positions.empty()) return own;
  // The loader deals in whole batches: the list is filled up with its last picture.
  std::vector<int64_t> chosen;
  for (const int64_t position : positions) chosen.push_back(pass.indices[position]);
  while (chosen.size() % batch != 0) chosen.push_back(chosen.back());
  const SubsetDataset subset(pass.dataset, chosen);

  SamplerSpec sampler;
  sampler.dataset_size = subset.size();
  sampler.global_batch = batch;
  sampler.shuffled = false;
  BatchLoaderOptions loading;
  loading.threads = run.data_threads;
  loading.last_step = subset.size() / batch;
  loading.max_broken_share = pass.max_broken_share;
  const int size = pass.image_size;
  const BatchLayout layout = {{"picture", ElementType::kUint8, {size, size, subset.channels()}},
                              {"shown", ElementType::kInt64, {}}};  // another than asked for: that is broken
  BatchLoader loader(
      &subset, sampler, layout,
      [size](const Sample& sample, const RngKey&, const ExampleSlot& slot) {
        RenderCenter(*sample.image, size, slot.field<uint8_t>(0));
        slot.field<int64_t>(1)[0] = sample.index;
      },
      loading, run.clock);

  std::vector<at::Tensor> parts;
  for (int64_t step = 0; step < loading.last_step && !own.stopped; ++step) {
    PRETEXT_ASSIGN_OR_RETURN(const LoadedBatch loaded, loader.Next());
    const std::vector<at::Tensor> fields = ToTensors(loaded, layout, run.device);
    const int64_t begin = step * batch;
    const int64_t length = std::min(batch, static_cast<int64_t>(positions.size()) - begin);
    parts.push_back(pass.compute(fields[0].narrow(0, 0, length)).to(at::kCPU, at::kFloat));
    const int64_t* shown = reinterpret_cast<const int64_t*>(loaded.fields[1]);
    for (int64_t i = 0; i < length; ++i) {
      if (shown[i] != loaded.indices[i]) own.positions[begin + i] = kLeftOut;
    }
    pass.tell((begin + length) * run.process_group->world_size());
    own.stopped = run.reporter->stop_requested();
  }
  for (const std::string& picture : loader.broken()) {
    run.reporter->Log(v1::LogLine::WARNING, absl::StrCat("picture left out: ", picture));
  }
  own.rows = at::cat(parts);
  return own;
}

}  // namespace

int64_t PassBatch(int image_size) {
  return std::clamp<int64_t>((int64_t{1} << 22) / (int64_t{image_size} * image_size), 16, 512);
}

absl::StatusOr<PictureRows> PassOverPictures(const JobRun& run, const PicturePass& pass) {
  at::NoGradGuard no_grad;
  const int64_t count = static_cast<int64_t>(pass.indices.size());
  const int64_t batch = std::min(PassBatch(pass.image_size), std::max<int64_t>(1, count));
  const std::vector<int64_t> positions = PositionsOf(*run.process_group, count, batch);
  PRETEXT_ASSIGN_OR_RETURN(const OwnRows own, ComputeOwn(run, pass, positions, batch));
  // A rank without pictures has seen no row, and one that was asked to stop not all of them.
  const at::Tensor facts = at::tensor({own.rows.size(1), int64_t{own.stopped}}).unsqueeze(0).to(run.device);
  PRETEXT_ASSIGN_OR_RETURN(const at::Tensor gathered, run.process_group->AllGather(facts));
  const at::Tensor most = gathered.amax(0).to(at::kCPU);
  if (most[1].item<int64_t>() > 0) return absl::CancelledError("stopped as asked while judging pictures");
  const int64_t width = most[0].item<int64_t>();
  const at::Tensor rows = positions.empty() ? at::zeros({0, width}, at::kFloat) : own.rows;
  return Gather(run, own.positions, rows, LongestShare(*run.process_group, count, batch));
}

}  // namespace pretext
