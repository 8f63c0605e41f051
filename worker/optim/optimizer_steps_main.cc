// Parameters after given optimizer steps, for comparing the optimizers with others:
//   optimizer_steps --kind ADAMW --input steps.safetensors --output after.safetensors \
//       --learning_rates 0.1 0.05 --momenta 0.9 0.8
// The input holds parameters, `p.NAME`, and their gradients at each step, `g.STEP.NAME`; a parameter may lack
// some. There are as many steps as learning rates. The output holds the parameters and the optimizer's state
// under its names, and the norm of the gradients before each step, `norm.STEP`.

#include <ATen/core/Tensor.h>

#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/cpp/status_macros.h"
#include "worker/dist/guarded.h"
#include "worker/models/safetensors.h"
#include "worker/optim/optimizer.h"

namespace pretext {
namespace {

struct Options {
  std::string input, output, kind = "SGD";
  std::vector<double> learning_rates, momenta;
  double weight_decay = 0, clip_norm = 0;
  bool channels_last = false;
};

at::Tensor Layout(const at::Tensor& tensor, bool channels_last) {
  return channels_last && tensor.dim() == 4 ? tensor.contiguous(at::MemoryFormat::ChannelsLast)
                                            : tensor.contiguous();
}

ParameterGroup ReadParameters(const SafetensorsFile& file, const Options& options) {
  ParameterGroup group{"all", {}};
  for (const auto& [key, tensor] : file.tensors) {
    absl::string_view name = key;
    if (!absl::ConsumePrefix(&name, "p.")) continue;
    group.parameters.emplace_back(std::string(name),
                                  Layout(tensor, options.channels_last).clone().requires_grad_());
  }
  return group;
}

absl::Status TakeSteps(const Options& options) {
  if (options.momenta.size() != options.learning_rates.size()) {
    return absl::InvalidArgumentError("give as many --momenta as --learning_rates");
  }
  v1::OptimizerSpec::Kind kind;
  if (!v1::OptimizerSpec::Kind_Parse(options.kind, &kind)) {
    return absl::InvalidArgumentError(absl::StrCat("--kind is ", options.kind, "; it is SGD or ADAMW"));
  }
  v1::OptimizerSpec spec;
  spec.set_kind(kind);
  spec.set_weight_decay(options.weight_decay);
  PRETEXT_ASSIGN_OR_RETURN(const SafetensorsFile file, ReadSafetensors(options.input));
  const std::vector<ParameterGroup> groups = {ReadParameters(file, options)};
  const std::unique_ptr<Optimizer> optimizer = MakeOptimizer(spec, groups);
  std::map<std::string, at::Tensor> output;
  for (size_t step = 0; step < options.learning_rates.size(); ++step) {
    for (const auto& [name, parameter] : groups[0].parameters) {
      const auto gradient = file.tensors.find(absl::StrCat("g.", step, ".", name));
      parameter.mutable_grad() = gradient == file.tensors.end() ? at::Tensor() : gradient->second.clone();
    }
    output[absl::StrCat("norm.", step)] = ClipGradients(groups, options.clip_norm);
    optimizer->Step({{options.learning_rates[step], options.momenta[step]}});
  }
  for (const auto& [name, parameter] : groups[0].parameters) output[name] = parameter.detach();
  for (const auto& [name, tensor] : optimizer->State()) output[name] = tensor;
  return WriteSafetensors(options.output, output, {});
}

}  // namespace
}  // namespace pretext

int main(int argc, char** argv) {
  pretext::Options options;
  CLI::App app("Takes optimizer steps with given gradients.");
  app.add_option("--kind", options.kind, "SGD or ADAMW");
  app.add_option("--input", options.input, "safetensors with p.NAME and g.STEP.NAME")->required();
  app.add_option("--output", options.output, "safetensors to write")->required();
  app.add_option("--learning_rates", options.learning_rates, "one a step")->required();
  app.add_option("--momenta", options.momenta, "SGD's momentum or AdamW's beta1, one a step")->required();
  app.add_option("--weight_decay", options.weight_decay, "spares parameters of one dimension");
  app.add_option("--clip_norm", options.clip_norm, "0: gradients are not clipped");
  app.add_flag("--channels_last", options.channels_last, "4-dimensional parameters in that layout");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = pretext::Guarded([&] { return pretext::TakeSteps(options); });
  if (status.ok()) return 0;
  std::cerr << status.message() << "\n";
  return 1;
}
