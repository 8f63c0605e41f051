// The learning rates and momenta of every step of a schedule, as JSON on standard output, for comparing them
// with other implementations:
//   rate_traces one_cycle --peak 1e-3 --steps 100
//   {"learning_rate": [4e-05, ...], "momentum": [0.95, ...]}
// Recipes with layer groups give a list for each step, shallow first.

#include <cstdint>
#include <functional>
#include <iostream>
#include <vector>

#include "CLI/CLI.hpp"
#include "nlohmann/json.hpp"
#include "worker/optim/learning_rate.h"

namespace pretext {
namespace {

struct Options {
  double peak = 1e-3;
  int64_t steps = 100;
  int groups = 3;
  OneCycle cycle;
  double warmup = 0.02;
  double divisor = 100;
};

double Progress(int64_t step, const Options& options) {
  return static_cast<double>(step) / static_cast<double>(options.steps);
}

void Print(const Options& options, const std::function<Rates(int64_t)>& at) {
  nlohmann::json trace;
  for (int64_t step = 0; step < options.steps; ++step) {
    trace["learning_rate"].push_back(at(step).learning_rate);
    trace["momentum"].push_back(at(step).momentum);
  }
  std::cout << trace.dump() << "\n";
}

void PrintGroups(const Options& options, const std::function<std::vector<Rates>(int64_t)>& at) {
  nlohmann::json trace;
  for (int64_t step = 0; step < options.steps; ++step) {
    nlohmann::json rates = nlohmann::json::array(), momenta = nlohmann::json::array();
    for (const Rates& group : at(step)) {
      rates.push_back(group.learning_rate);
      momenta.push_back(group.momentum);
    }
    trace["learning_rate"].push_back(rates);
    trace["momentum"].push_back(momenta);
  }
  std::cout << trace.dump() << "\n";
}

CLI::App* AddTrace(CLI::App& app, Options& options, const std::string& name, const std::string& what) {
  CLI::App* trace = app.add_subcommand(name, what);
  trace->add_option("--peak", options.peak, "peak rate; fine_tune's base rate");
  trace->add_option("--steps", options.steps, "steps in all")->check(CLI::PositiveNumber);
  return trace;
}

int Run(int argc, char** argv) {
  CLI::App app("Prints the rates of every step of a schedule.");
  app.require_subcommand(1);
  Options options;
  CLI::App* one_cycle = AddTrace(app, options, "one_cycle", "fastai's fit_one_cycle");
  one_cycle->add_option("--rise", options.cycle.rise, "share of the steps that rise");
  one_cycle->add_option("--div", options.cycle.div, "peak / first rate");
  one_cycle->add_option("--div_final", options.cycle.div_final, "peak / last rate");
  one_cycle->callback([&] {
    options.cycle.peak = options.peak;
    Print(options, [&](int64_t step) { return OneCycleAt(options.cycle, Progress(step, options)); });
  });
  CLI::App* frozen = AddTrace(app, options, "fine_tune_frozen", "fastai's fine_tune, first phase");
  frozen->add_option("--groups", options.groups, "layer groups")->check(CLI::PositiveNumber);
  frozen->callback([&] {
    PrintGroups(options, [&](int64_t step) {
      return FineTuneFrozenAt(options.peak, options.groups, Progress(step, options));
    });
  });
  CLI::App* unfrozen = AddTrace(app, options, "fine_tune_unfrozen", "fastai's fine_tune, second phase");
  unfrozen->add_option("--groups", options.groups, "layer groups")->check(CLI::PositiveNumber);
  unfrozen->add_option("--divisor", options.divisor, "last group's rate / first group's");
  unfrozen->callback([&] {
    PrintGroups(options, [&](int64_t step) {
      return FineTuneUnfrozenAt(options.peak, options.divisor, options.groups, Progress(step, options));
    });
  });
  CLI::App* ulmfit = AddTrace(app, options, "ulmfit", "slanted triangular rates of layer groups");
  ulmfit->add_option("--groups", options.groups, "layer groups")->check(CLI::PositiveNumber);
  ulmfit->callback([&] {
    PrintGroups(options,
                [&](int64_t step) { return UlmfitAt(options.peak, options.groups, step, options.steps); });
  });
  CLI::App* warmup = AddTrace(app, options, "warmup_cosine", "linear warm-up, then half a cosine");
  warmup->add_option("--warmup", options.warmup, "share of the steps that warm up");
  warmup->callback([&] {
    Print(options, [&](int64_t step) {
      return Rates{WarmupCosineAt(options.peak, options.warmup, step, options.steps), 0};
    });
  });
  CLI11_PARSE(app, argc, argv);
  return 0;
}

}  // namespace
}  // namespace pretext

int main(int argc, char** argv) { return pretext::Run(argc, argv); }
