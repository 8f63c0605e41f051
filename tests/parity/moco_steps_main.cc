// Steps of MoCo from a given state over given views, for comparison with PyTorch (test_moco.py):
//   moco_steps --start start.safetensors --views views.safetensors --end end.safetensors
// The start holds the whole state: the backbone's tensors as "backbone.NAME" and the task's as "task.NAME"
// (head, key_encoder, queue). The views are `query` and `key`, uint8 (steps, batch, side, side, 3): one batch
// a step, nothing drawn. The end holds the state afterwards under the same names, `losses` (steps, float) and
// `accuracies`. One rank, one batch-norm group, keys encoded in their own order.

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/stack.h>

#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/dist/thread_process_group.h"
#include "worker/models/safetensors.h"
#include "worker/models/weights.h"
#include "worker/optim/optimizer.h"
#include "worker/optim/parameter_groups.h"
#include "worker/tasks/moco.h"

namespace pretext {
namespace {

struct Options {
  std::string start, views, end;
  int version = 2;
  BackboneOptions backbone;
  MocoOptions moco;
  Rates rates{/*learning_rate=*/0.03, /*momentum=*/0.9};
  double weight_decay = 1e-4;
};

// Everything that is trained or kept: backbone and task under one roof.
StateDict WholeState(const BackboneModule& backbone, const torch::nn::Module& task) {
  StateDict state;
  for (const auto& [name, tensor] : MakeStateDict(backbone)) state[absl::StrCat("backbone.", name)] = tensor;
  for (const auto& [name, tensor] : MakeStateDict(task)) state[absl::StrCat("task.", name)] = tensor;
  return state;
}

// Every tensor of `state` and no other must be in `given`, with the same shape and type.
absl::Status CopyAll(const StateDict& given, const StateDict& state) {
  at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : given) {
    if (state.count(name) == 0) return absl::InvalidArgumentError(absl::StrCat("unexpected tensor ", name));
  }
  for (const auto& [name, tensor] : state) {
    const auto found = given.find(name);
    if (found == given.end()) return absl::InvalidArgumentError(absl::StrCat("no tensor ", name));
    if (found->second.sizes() != tensor.sizes() || found->second.scalar_type() != tensor.scalar_type()) {
      return absl::InvalidArgumentError(absl::StrCat(name, " has another shape or type"));
    }
    tensor.copy_(found->second);
  }
  return absl::OkStatus();
}

// A pretraining stage's optimizer over everything that is trained.
std::unique_ptr<Optimizer> MakeSgd(const Options& options, const BackboneModule& backbone,
                                   const torch::nn::Module& task) {
  ParameterGroup group;
  group.parameters = TrainedParameters(backbone, "backbone.");
  for (auto& parameter : TrainedParameters(task, "task.")) group.parameters.push_back(std::move(parameter));
  v1::OptimizerSpec spec;
  spec.set_kind(v1::OptimizerSpec::SGD);
  spec.set_learning_rate(options.rates.learning_rate);
  spec.set_momentum(options.rates.momentum);
  spec.set_weight_decay(options.weight_decay);
  return MakeOptimizer(spec, {std::move(group)});
}

void ClearGradients(const Optimizer& optimizer) {
  for (const ParameterGroup& group : optimizer.groups()) {
    for (auto [name, parameter] : group.parameters) parameter.mutable_grad().reset();
  }
}

absl::StatusOr<StateDict> Train(const Options& options, const StateDict& views, Moco& task,
                                const BackboneModule& backbone) {
  for (const char* name : {"query", "key"}) {
    const auto found = views.find(name);
    if (found == views.end() || found->second.dim() != 5 || found->second.scalar_type() != at::kByte) {
      return absl::InvalidArgumentError(
          absl::StrCat(options.views, " holds no uint8 ", name, " (steps, batch, side, side, 3)"));
    }
  }
  const std::unique_ptr<Optimizer> sgd = MakeSgd(options, backbone, task.module());
  std::vector<at::Tensor> losses, accuracies;
  const int64_t steps = views.at("query").size(0);
  for (int64_t step = 0; step < steps; ++step) {
    Batch batch;
    batch.fields = {views.at("query")[step], views.at("key")[step]};
    batch.step = step;
    PRETEXT_ASSIGN_OR_RETURN(const TaskOutput output, task.Loss(batch));
    output.loss.backward();
    sgd->Step({options.rates});
    ClearGradients(*sgd);
    task.AfterOptimizerStep({step, steps});
    losses.push_back(output.loss.detach());
    accuracies.push_back(output.metrics[0].second);
  }
  StateDict end = WholeState(backbone, task.module());
  end["losses"] = at::stack(losses);
  end["accuracies"] = at::stack(accuracies);
  return end;
}

absl::Status Run(Options options) {
  PRETEXT_ASSIGN_OR_RETURN(const SafetensorsFile start, ReadSafetensors(options.start));
  PRETEXT_ASSIGN_OR_RETURN(const SafetensorsFile views, ReadSafetensors(options.views));
  const auto queue = start.tensors.find("task.queue.keys");
  if (queue == start.tensors.end() || queue->second.dim() != 2) {
    return absl::InvalidArgumentError(absl::StrCat(options.start, " holds no task.queue.keys (K, D)"));
  }
  options.moco.version = options.version == 1 ? v1::MocoSpec::V1 : v1::MocoSpec::V2;
  options.moco.queue_length = queue->second.size(0);
  options.moco.embedding_size = static_cast<int>(queue->second.size(1));
  options.moco.shuffle_batch_norm = false;

  TrainContext train;
  PRETEXT_ASSIGN_OR_RETURN(train.backbone, MakeBackbone(options.backbone));
  ThreadProcessGroup alone;
  train.process_group = &alone;
  PRETEXT_ASSIGN_OR_RETURN(const std::unique_ptr<Moco> task, Moco::Create(options.moco, train));
  train.backbone->train();
  task->module().train();
  PRETEXT_RETURN_IF_ERROR(CopyAll(start.tensors, WholeState(*train.backbone, task->module())));
  PRETEXT_ASSIGN_OR_RETURN(const StateDict end, Train(options, views.tensors, *task, *train.backbone));
  return WriteSafetensors(options.end, end, {});
}

}  // namespace
}  // namespace pretext

int main(int argc, char** argv) {
  pretext::Options options;
  CLI::App app("Trains MoCo for some steps from a given state.");
  app.add_option("--start", options.start, "safetensors with the state to start from")->required();
  app.add_option("--views", options.views, "safetensors with `query` and `key`")->required();
  app.add_option("--end", options.end, "safetensors to write")->required();
  app.add_option("--version", options.version, "1: linear head, 2: two layers")->check(CLI::Range(1, 2));
  app.add_option("--backbone", options.backbone.name, "default resnet18");
  app.add_flag("--small_stem", options.backbone.small_stem, "3x3 stride 1 without pooling");
  app.add_option("--momentum", options.moco.momentum, "of the key encoder");
  app.add_option("--temperature", options.moco.temperature, "of the softmax");
  app.add_option("--learning_rate", options.rates.learning_rate, "of SGD");
  app.add_option("--sgd_momentum", options.rates.momentum, "of SGD");
  app.add_option("--weight_decay", options.weight_decay, "of SGD, spares biases and normalisation");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = pretext::Run(std::move(options));
  if (status.ok()) return 0;
  std::cerr << "moco_steps: " << status.message() << "\n";
  return 1;
}
