#include "worker/dist/c10d_gradient_sync.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>

#include <cstdint>
#include <string>
#include <torch/csrc/distributed/c10d/reducer.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/cpp/sha256.h"
#include "proto/cpp/status_macros.h"
#include "worker/dist/collective_arguments.h"

namespace pretext {
namespace {

constexpr char kCollective[] = "the gradients' all-reduce";
// A small bucket goes first, so that sending begins early.
constexpr size_t kFirstBucketBytes = 1 << 20;
constexpr size_t kBucketBytes = 25 << 20;

// INTERNAL unless all ranks give parameters of the same types, shapes and strides in the same order: their
// buckets would not fit each other.
absl::Status CheckSameOnAllRanks(ProcessGroup* group, const std::vector<at::Tensor>& parameters) {
  std::string layout;
  for (const at::Tensor& parameter : parameters) {
    absl::StrAppend(&layout, c10::toString(parameter.scalar_type()), absl::StrJoin(parameter.sizes(), ","),
                    "/", absl::StrJoin(parameter.strides(), ","), ";");
  }
  const int64_t digest = std::stoll(Sha256Hex(layout).substr(0, 15), nullptr, 16);
  const int64_t count = parameters.size();
  const c10::Device device = parameters.empty() ? c10::Device(c10::kCPU) : parameters[0].device();
  PRETEXT_ASSIGN_OR_RETURN(at::Tensor all,
                           group->AllGather(at::tensor({count, digest}, at::kLong).to(device)));
  all = all.cpu();
  const int64_t* values = all.data_ptr<int64_t>();
  for (int rank = 0; rank < group->world_size(); ++rank) {
    if (values[2 * rank] == count && values[2 * rank + 1] == digest) continue;
    return absl::InternalError(absl::StrCat(
        "rank ", group->rank(), " syncs the gradients of ", count, " parameters, rank ", rank, " those of ",
        values[2 * rank], values[2 * rank] == count ? " with other types, shapes or strides" : "",
        "; all ranks must build the same network"));
  }
  return absl::OkStatus();
}

std::vector<std::vector<size_t>> AssignBuckets(const std::vector<at::Tensor>& parameters) {
  return std::get<0>(c10d::compute_bucket_assignment_by_size(parameters, {kFirstBucketBytes, kBucketBytes}));
}

}  // namespace

// The reducer with buckets that stay as they are. It also spares it noting the order of arrival in every
// step, which it would never use and never forget.
class C10dGradientSync::FixedBuckets : public c10d::Reducer {
 public:
  FixedBuckets(const C10dLink& link, const std::vector<at::Tensor>& parameters,
               std::vector<std::vector<size_t>> buckets)
      : Reducer(parameters, std::move(buckets),
                // It asks this for the number of ranks; SendBucket does the sending.
                c10::make_intrusive<c10d::ProcessGroup>(link.rank(), link.world_size()),
                /*expect_sparse_gradients=*/std::vector<bool>(parameters.size(), false),
                /*bucket_bytes_cap=*/kBucketBytes, /*find_unused_parameters=*/false,
                /*gradient_as_bucket_view=*/true, /*param_names=*/{},
                /*first_bucket_bytes_cap=*/kFirstBucketBytes,
                /*skip_all_reduce_unused_params=*/false, /*use_python_reducer=*/false,
                /*bucket_bytes_cap_list=*/{}) {
    has_rebuilt_bucket_ = true;
  }
};

// What the reducer calls when a bucket is full. It is told at once that all is done, so that errors wait for
// Finish instead of being thrown out of the backward pass.
class C10dGradientSync::SendBucket : public c10d::CommHookInterface {
 public:
  explicit SendBucket(C10dGradientSync* sync) : sync_(sync) {}

  c10::intrusive_ptr<c10::ivalue::Future> runHook(c10d::GradBucket& bucket) override {
    const at::Tensor buffer = bucket.getBuffer();
    sync_->Send(buffer);
    std::vector<c10::Device> devices;
    if (!buffer.is_cpu()) devices.push_back(buffer.device());
    auto done = c10::make_intrusive<c10::ivalue::Future>(c10::TensorType::get(), std::move(devices));
    done->markCompleted(buffer);
    return done;
  }

  at::Tensor parseHookResult(const c10::IValue& result) override { return result.toTensor(); }

 private:
  C10dGradientSync* sync_;
};

C10dGradientSync::C10dGradientSync(ProcessGroup* group, C10dLink* link, std::vector<at::Tensor> parameters)
    : link_(link), parameters_(parameters.rbegin(), parameters.rend()) {
  setup_error_ = CheckSameOnAllRanks(group, parameters_);
  if (!setup_error_.ok() || parameters_.empty()) return;
  at::NoGradGuard no_grad;
  // The reducer turns gradients that are there into views of its buckets.
  for (const at::Tensor& parameter : parameters_) parameter.mutable_grad() = at::zeros_like(parameter);
  reducer_ = std::make_unique<FixedBuckets>(*link_, parameters_, AssignBuckets(parameters_));
  reducer_->register_comm_hook(std::make_unique<SendBucket>(this));
  for (const at::Tensor& parameter : parameters_) gradients_.push_back(parameter.grad());
  for (const c10d::GradBucket& bucket : reducer_->get_grad_buckets(/*return_zero_tensors=*/false)) {
    buckets_.push_back(bucket.getBuffer());
  }
}

C10dGradientSync::~C10dGradientSync() = default;

void C10dGradientSync::ClearGradients() {
  at::NoGradGuard no_grad;
  for (const at::Tensor& bucket : buckets_) bucket.zero_();
  for (size_t i = 0; i < gradients_.size(); ++i) parameters_[i].mutable_grad() = gradients_[i];
}

void C10dGradientSync::Begin(bool last) {
  if (!in_step_) {
    in_step_ = true;
    error_ = absl::OkStatus();
    ClearGradients();
  }
  if (!last || reducer_ == nullptr) return;
  ready_before_ = reducer_->get_backward_stats();
  reducer_->prepare_for_backward({});
}

void C10dGradientSync::Send(const at::Tensor& bucket) {
  if (!error_.ok()) return;
  absl::StatusOr<C10dLink::Work> work = link_->Start(kCollective, [&](c10d::Backend& backend) {
    std::vector<at::Tensor> tensors = {bucket};
    return backend.allreduce(tensors);
  });
  if (work.ok()) {
    sent_.push_back({bucket, *std::move(work)});
  } else {
    error_ = work.status();
  }
}

absl::Status C10dGradientSync::Finish() {
  in_step_ = false;
  std::vector<Sent> sent = std::move(sent_);
  sent_.clear();
  PRETEXT_RETURN_IF_ERROR(setup_error_);
  PRETEXT_RETURN_IF_ERROR(error_);
  if (sent.size() != buckets_.size()) return WhoGotNoGradient();
  at::NoGradGuard no_grad;
  for (Sent& one : sent) {
    error_ = link_->Await(kCollective, std::move(one.work));
    if (!error_.ok()) return error_;
    one.bucket.div_(link_->world_size());
  }
  return absl::OkStatus();
}

absl::Status C10dGradientSync::WhoGotNoGradient() const {
  const std::vector<int64_t> ready = reducer_->get_backward_stats();
  for (size_t i = parameters_.size(); i-- > 0;) {
    if (ready[i] == ready_before_[i]) {
      return NoGradientError(parameters_[i], parameters_.size() - 1 - i, parameters_.size());
    }
  }
  return absl::InternalError("Finish without a backward pass after Begin(true)");
}

}  // namespace pretext
