#include "worker/tasks/instance_bank.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/data/rng.h"

namespace pretext {
namespace {

// A stream no example's view uses.
constexpr uint32_t kNegativesView = 0xFFFF0001;

at::Tensor IndicesOf(const Batch& batch, const at::Device& device) {
  return at::tensor(batch.indices, at::kLong).to(device);
}

}  // namespace

InstanceBank::InstanceBank(const InstanceBankOptions& options, std::shared_ptr<MemoryBank> bank,
                           ProcessGroup* group)
    : options_(options), bank_(std::move(bank)), group_(group) {}

at::Tensor InstanceBank::DrawNegatives(const Batch& batch) const {
  RngKey key;
  key.seed = options_.seed;
  key.stage = options_.stage;
  key.epoch = batch.micro;
  key.sample = batch.step;
  key.view = kNegativesView;
  Rng rng(key);
  std::vector<int64_t> drawn(options_.negatives);
  for (int64_t& index : drawn) index = static_cast<int64_t>(rng.Below(bank_->pictures()));
  return at::tensor(drawn, at::kLong).to(bank_->rows().device());
}

BankContrast InstanceBank::Compare(const Batch& batch, const at::Tensor& vectors) const {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const at::Tensor& rows = bank_->rows();
  const at::Tensor own = IndicesOf(batch, rows.device());
  const at::Tensor drawn = DrawNegatives(batch);
  const at::Tensor positive = (vectors * rows.index_select(0, own)).sum(1);
  const at::Tensor with_next =
      (vectors * rows.index_select(0, (own + 1).remainder(bank_->pictures()))).sum(1, /*keepdim=*/true);
  const at::Tensor negatives = at::where(drawn.unsqueeze(0) == own.unsqueeze(1), with_next,
                                         at::matmul(vectors, rows.index_select(0, drawn).t()));
  BankContrast compared;
  compared.loss = NoiseContrast(options_.contrast, positive, negatives, options_.temperature).mean();
  at::NoGradGuard no_grad;
  compared.accuracy = positive.gt(negatives.amax(1)).to(at::kFloat).mean();
  compared.positive_similarity = positive.detach().mean();
  compared.negative_similarity = negatives.detach().mean();
  return compared;
}

absl::Status InstanceBank::Remember(const Batch& batch, const at::Tensor& vectors) {
  if (batch.micro == 0) waiting_.clear();
  Waiting waiting;
  PRETEXT_ASSIGN_OR_RETURN(waiting.indices, group_->AllGather(IndicesOf(batch, vectors.device())));
  PRETEXT_ASSIGN_OR_RETURN(waiting.vectors, group_->AllGather(vectors.detach()));
  waiting_.push_back(std::move(waiting));
  return absl::OkStatus();
}

void InstanceBank::Learn() {
  for (const Waiting& waiting : waiting_) {
    bank_->Update(waiting.indices, waiting.vectors, options_.momentum);
  }
  waiting_.clear();
}

absl::Status CheckNegatives(absl::string_view task, int64_t negatives, int64_t pictures) {
  if (pictures > negatives) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(task, ": ", negatives, " negatives are drawn from ",
                                                 pictures,
                                                 " pictures; there must be more pictures: lower negatives"));
}

int64_t FittingNegatives(int64_t wanted, int64_t pictures) {
  return std::max<int64_t>(1, std::min(wanted, pictures / 2));
}

}  // namespace pretext
