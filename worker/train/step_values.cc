#include "worker/train/step_values.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "proto/cpp/status_macros.h"

namespace pretext {

StepValues::StepValues(ProcessGroup* group, c10::Device device) : group_(group), device_(device) {}

absl::Status StepValues::Add(int64_t step, const NamedScalars& on_device, const NamedNumbers& on_host,
                             bool stop, const std::vector<at::Tensor>& averaged) {
  at::NoGradGuard no_grad;
  Waiting entry;
  entry.step = step;
  std::vector<at::Tensor> scalars;
  for (const auto& [name, scalar] : on_device) {
    entry.names.push_back(name);
    scalars.push_back(scalar.detach().to(device_, at::kFloat).reshape({}));
  }
  std::vector<float> numbers;
  for (const auto& [name, number] : on_host) {
    entry.names.push_back(name);
    numbers.push_back(static_cast<float>(number));
  }
  numbers.push_back(stop ? 1.0f : 0.0f);
  const at::Tensor packed = at::cat({at::stack(scalars), at::tensor(numbers).to(device_)});

  std::vector<at::Tensor> message = averaged;
  message.push_back(packed);
  PRETEXT_RETURN_IF_ERROR(group_->AllReduceMean(message));

  if (device_.is_cpu()) {
    entry.numbers = packed;
  } else {
    entry.numbers = packed.to(at::TensorOptions(at::kCPU), /*non_blocking=*/true);
    entry.copied.emplace(device_.type());
    entry.copied->record(c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
  }
  waiting_.push_back(std::move(entry));
  return absl::OkStatus();
}

std::optional<StepReading> StepValues::Take() {
  const size_t late = device_.is_cpu() ? 0 : 1;
  return waiting_.size() > late ? TakeNow() : std::nullopt;
}

std::optional<StepReading> StepValues::TakeNow() {
  if (waiting_.empty()) return std::nullopt;
  Waiting entry = std::move(waiting_.front());
  waiting_.pop_front();
  if (entry.copied.has_value()) entry.copied->synchronize();
  const float* numbers = entry.numbers.const_data_ptr<float>();
  StepReading reading;
  reading.step = entry.step;
  for (size_t i = 0; i < entry.names.size(); ++i) {
    reading.values.emplace_back(std::move(entry.names[i]), numbers[i]);
  }
  reading.stop = numbers[reading.values.size()] > 0;
  return reading;
}

}  // namespace pretext
