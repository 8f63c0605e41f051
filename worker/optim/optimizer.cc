#include "worker/optim/optimizer.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

constexpr double kAdamBeta2 = 0.99;
constexpr double kAdamEpsilon = 1e-5;
constexpr double kClipEpsilon = 1e-6;  // PyTorch's, of clip_grad_norm_
constexpr char kStep[] = "step";

// What an optimizer remembers of a parameter, under PyTorch's names.
struct StateForm {
  absl::string_view optimizer;  // for people
  std::vector<absl::string_view> moments;
  bool counts_steps;
};

// A parameter and what is remembered of it.
struct Slot {
  std::string name;
  at::Tensor parameter;
  bool decays = false;
  std::vector<at::Tensor> moments;  // laid out as the parameter; empty before its first gradient
  int64_t steps = 0;                // with a gradient, if they are counted
};

// One vector a group.
using Slots = std::vector<std::vector<Slot>>;

Slots MakeSlots(const std::vector<ParameterGroup>& groups) {
  Slots slots;
  std::set<std::string> names;
  for (const ParameterGroup& group : groups) {
    slots.emplace_back();
    for (const auto& [name, parameter] : group.parameters) {
      TORCH_CHECK(names.insert(name).second, "optimizer: two parameters are called ", name);
      slots.back().push_back({name, parameter, !IsExemptFromDecay(name, parameter), {}, 0});
    }
  }
  return slots;
}

// A gradient left over from before a parameter was frozen is none.
bool HasGradient(const at::Tensor& parameter) {
  return parameter.requires_grad() && parameter.grad().defined();
}

at::Tensor EmptyLike(const at::Tensor& parameter) {
  return at::empty_like(parameter, parameter.options().requires_grad(false));
}

// The fused kernels walk the memory of all their arguments in step and look at no stride.
bool HaveSameLayout(const at::Tensor& a, const at::Tensor& b) {
  if (!a.is_non_overlapping_and_dense() || !b.is_non_overlapping_and_dense()) return false;
  for (int64_t i = 0; i < a.dim(); ++i) {
    if (a.size(i) > 1 && a.stride(i) != b.stride(i)) return false;
  }
  return true;
}

at::Tensor GradientInLayoutOf(const at::Tensor& parameter) {
  const at::Tensor& gradient = parameter.grad();
  return HaveSameLayout(gradient, parameter) ? gradient : EmptyLike(parameter).copy_(gradient);
}

// What one fused call is given: those parameters of a group that decay alike and have taken equally many
// steps.
struct FusedCall {
  std::vector<at::Tensor> parameters, gradients;
  std::vector<std::vector<at::Tensor>> moments;  // by kind
};
using CallKey = std::pair<bool, int64_t>;  // whether they decay, and steps taken before

std::map<CallKey, FusedCall> MakeCalls(std::vector<Slot>& slots, size_t kinds_of_moments) {
  std::map<CallKey, FusedCall> calls;
  for (Slot& slot : slots) {
    if (!HasGradient(slot.parameter)) continue;
    while (slot.moments.size() < kinds_of_moments) {
      slot.moments.push_back(EmptyLike(slot.parameter).zero_());
    }
    FusedCall& call = calls[{slot.decays, slot.steps}];
    call.parameters.push_back(slot.parameter);
    call.gradients.push_back(GradientInLayoutOf(slot.parameter));
    call.moments.resize(kinds_of_moments);
    for (size_t i = 0; i < kinds_of_moments; ++i) call.moments[i].push_back(slot.moments[i]);
  }
  return calls;
}

absl::Status Foreign(const StateForm& form, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(
      "the optimizer's state does not fit ", form.optimizer, ": ", what,
      ". It is of another optimizer or another network; resume with the settings it was made with, or start "
      "the stage anew"));
}

std::string ShapeOf(const at::Tensor& tensor) {
  return absl::StrCat("(", absl::StrJoin(tensor.sizes(), ", "), ")");
}

// Finds what a checkpoint holds of one parameter after the other, and knows what it was not asked for.
class StateReader {
 public:
  StateReader(const std::map<std::string, at::Tensor>& state, const StateForm& form)
      : state_(state), form_(form) {
    for (const auto& [name, tensor] : state) unused_.insert(name);
  }

  absl::Status Read(Slot& slot) {
    slot.moments.clear();
    slot.steps = 0;
    std::vector<std::string> names;
    for (const absl::string_view moment : form_.moments)
      names.push_back(absl::StrCat(slot.name, ".", moment));
    if (form_.counts_steps) names.push_back(absl::StrCat(slot.name, ".", kStep));
    const auto is_there = [&](const std::string& name) { return state_.count(name) > 0; };
    if (std::none_of(names.begin(), names.end(), is_there)) return absl::OkStatus();
    const auto missing = std::find_if_not(names.begin(), names.end(), is_there);
    if (missing != names.end()) return Foreign(form_, absl::StrCat(*missing, " is missing"));
    for (const std::string& name : names) unused_.erase(name);
    for (size_t i = 0; i < form_.moments.size(); ++i) {
      PRETEXT_RETURN_IF_ERROR(ReadMoment(names[i], slot));
    }
    return form_.counts_steps ? ReadSteps(names.back(), slot) : absl::OkStatus();
  }

  absl::Status CheckAllUsed() const {
    if (unused_.empty()) return absl::OkStatus();
    return Foreign(form_, absl::StrCat("it has no use for ", *unused_.begin()));
  }

 private:
  absl::Status ReadMoment(const std::string& name, Slot& slot) {
    const at::Tensor& moment = state_.at(name);
    if (moment.sizes() != slot.parameter.sizes()) {
      return Foreign(form_, absl::StrCat(name, " has shape ", ShapeOf(moment), " and its parameter ",
                                         ShapeOf(slot.parameter)));
    }
    if (moment.scalar_type() != slot.parameter.scalar_type()) {
      return Foreign(form_,
                     absl::StrCat(name, " is of type ", c10::toString(moment.scalar_type()),
                                  " and its parameter of ", c10::toString(slot.parameter.scalar_type())));
    }
    slot.moments.push_back(EmptyLike(slot.parameter).copy_(moment));
    return absl::OkStatus();
  }

  absl::Status ReadSteps(const std::string& name, Slot& slot) {
    const at::Tensor& steps = state_.at(name);
    if (steps.numel() != 1 || steps.scalar_type() != at::kLong || steps.item<int64_t>() < 1) {
      return Foreign(form_, absl::StrCat(name, " is not a number of steps"));
    }
    slot.steps = steps.item<int64_t>();
    return absl::OkStatus();
  }

  const std::map<std::string, at::Tensor>& state_;
  const StateForm& form_;
  std::set<std::string> unused_;
};

// ---- the algorithms ----

struct Algorithm {
  StateForm form;
  // How many kinds of the form's moments a step with these rates needs: all or none.
  size_t (*kinds_of_moments)(const Rates& rates);
  // `step` counts from 1.
  void (*apply)(const FusedCall& call, const Rates& rates, double decay, int64_t step);
};

// Without momentum SGD remembers nothing. Dampening being off, a first step is one on moments of zero.
Algorithm Sgd() {
  return {{"SGD", {"momentum_buffer"}, /*counts_steps=*/false},
          [](const Rates& rates) -> size_t { return rates.momentum == 0 ? 0 : 1; },
          [](const FusedCall& call, const Rates& rates, double decay, int64_t step) {
            at::_fused_sgd_(call.parameters, call.gradients,
                            call.moments.empty() ? at::TensorList() : at::TensorList(call.moments[0]), decay,
                            rates.momentum, rates.learning_rate, /*dampening=*/0, /*nesterov=*/false,
                            /*maximize=*/false, /*is_first_step=*/false);
          }};
}

Algorithm AdamW() {
  return {{"AdamW", {"exp_avg", "exp_avg_sq"}, /*counts_steps=*/true},
          [](const Rates& rates) -> size_t { return 2; },
          [](const FusedCall& call, const Rates& rates, double decay, int64_t step) {
            // The kernel wants a count for every parameter; they may be one tensor.
            const at::Tensor count =
                at::full({}, step, at::TensorOptions(call.parameters[0].device()).dtype(at::kFloat));
            at::_fused_adamw_(call.parameters, call.gradients, call.moments[0], call.moments[1],
                              /*max_exp_avg_sqs=*/{}, std::vector<at::Tensor>(call.parameters.size(), count),
                              rates.learning_rate, /*beta1=*/rates.momentum, kAdamBeta2, decay, kAdamEpsilon,
                              /*amsgrad=*/false, /*maximize=*/false);
          }};
}

class FusedOptimizer final : public Optimizer {
 public:
  FusedOptimizer(Algorithm algorithm, double decay, std::vector<ParameterGroup> groups)
      : algorithm_(std::move(algorithm)),
        decay_(decay),
        groups_(std::move(groups)),
        slots_(MakeSlots(groups_)) {}

  void Step(absl::Span<const Rates> rates) override {
    TORCH_CHECK(rates.size() == slots_.size(), "optimizer: ", rates.size(), " rates for ", slots_.size(),
                " groups");
    at::NoGradGuard no_grad;
    for (size_t i = 0; i < slots_.size(); ++i) {
      for (const auto& [key, call] : MakeCalls(slots_[i], algorithm_.kinds_of_moments(rates[i]))) {
        const auto [decays, steps] = key;
        algorithm_.apply(call, rates[i], decays ? decay_ : 0, steps + 1);
      }
      if (!algorithm_.form.counts_steps) continue;
      for (Slot& slot : slots_[i]) slot.steps += HasGradient(slot.parameter) ? 1 : 0;
    }
  }

  std::map<std::string, at::Tensor> State() const override {
    std::map<std::string, at::Tensor> state;
    for (const std::vector<Slot>& group : slots_) {
      for (const Slot& slot : group) {
        for (size_t i = 0; i < slot.moments.size(); ++i) {
          state[absl::StrCat(slot.name, ".", algorithm_.form.moments[i])] = slot.moments[i];
        }
        if (slot.steps > 0) state[absl::StrCat(slot.name, ".", kStep)] = at::full({}, slot.steps, at::kLong);
      }
    }
    return state;
  }

  absl::Status LoadState(const std::map<std::string, at::Tensor>& state) override {
    at::NoGradGuard no_grad;
    StateReader reader(state, algorithm_.form);
    Slots loaded = slots_;
    for (std::vector<Slot>& group : loaded) {
      for (Slot& slot : group) PRETEXT_RETURN_IF_ERROR(reader.Read(slot));
    }
    PRETEXT_RETURN_IF_ERROR(reader.CheckAllUsed());
    slots_ = std::move(loaded);
    return absl::OkStatus();
  }

  const std::vector<ParameterGroup>& groups() const override { return groups_; }

 private:
  Algorithm algorithm_;
  double decay_;
  std::vector<ParameterGroup> groups_;
  Slots slots_;
};

std::vector<at::Tensor> GradientsOf(const std::vector<ParameterGroup>& groups) {
  std::vector<at::Tensor> gradients;
  for (const ParameterGroup& group : groups) {
    for (const auto& [name, parameter] : group.parameters) {
      if (HasGradient(parameter)) gradients.push_back(parameter.grad());
    }
  }
  return gradients;
}

}  // namespace

std::unique_ptr<Optimizer> MakeOptimizer(const v1::OptimizerSpec& spec, std::vector<ParameterGroup> groups) {
  return std::make_unique<FusedOptimizer>(spec.kind() == v1::OptimizerSpec::ADAMW ? AdamW() : Sgd(),
                                          spec.weight_decay(), std::move(groups));
}

at::Tensor ClipGradients(const std::vector<ParameterGroup>& groups, double clip_norm) {
  at::NoGradGuard no_grad;
  const std::vector<at::Tensor> gradients = GradientsOf(groups);
  if (gradients.empty()) return at::zeros({});
  const at::Tensor norm = at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients))).to(at::kFloat);
  if (clip_norm <= 0) return norm;
  // On a CPU the norm costs nothing to read; on a GPU the gradients are scaled without waiting for it.
  if (norm.is_cpu() && !(norm.item<float>() > clip_norm)) return norm;
  const at::Tensor scale = ((norm + kClipEpsilon).reciprocal() * clip_norm).clamp_max(1);
  at::_foreach_mul_(gradients, at::where(norm.isfinite(), scale, at::ones_like(scale)));
  return norm;
}

}  // namespace pretext
