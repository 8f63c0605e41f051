#include "worker/eval/pixel_probe.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/adaptive_avg_pool2d.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/eval/linear_probe.h"

namespace pretext {
namespace {

constexpr int64_t kNumbers = 2048;  // of an example, about
constexpr int64_t kLargestSide = 16;
constexpr double kStandardErrors = 4;
constexpr double kShareOfTheWay = 0.25;
constexpr double kPenalty = 0.1;  // strong: there are about as many numbers as examples
constexpr int kIterations = 100;

double CommonestShare(const std::vector<int64_t>& answers, int classes) {
  std::vector<int64_t> counts(classes, 0);
  for (const int64_t answer : answers) ++counts[answer];
  return static_cast<double>(*std::max_element(counts.begin(), counts.end())) /
         static_cast<double>(answers.size());
}

}  // namespace

bool PixelProbe::beats_chance() const {
  const double gain = accuracy - chance;
  return gain > kStandardErrors * standard_error && gain >= kShareOfTheWay * (1 - chance);
}

at::Tensor PixelNumbers(const at::Tensor& pictures) {
  at::NoGradGuard no_grad;
  const int64_t planes = pictures.size(1) * pictures.size(2);
  const auto fitting = static_cast<int64_t>(std::sqrt(static_cast<double>(kNumbers / planes)));
  const int64_t side = std::clamp<int64_t>(fitting, 1, kLargestSide);
  const at::Tensor flat = pictures.to(at::kFloat).flatten(0, 1);
  const int64_t height = std::min(side, flat.size(2)), width = std::min(side, flat.size(3));
  return at::adaptive_avg_pool2d(flat, {height, width}).reshape({pictures.size(0), -1}).to(at::kCPU);
}

absl::StatusOr<PixelProbe> ProbePixels(const at::Tensor& numbers, const at::Tensor& answers, int classes,
                                       int64_t per_picture) {
  const int64_t count = answers.defined() ? answers.numel() : 0;
  if (!numbers.defined() || numbers.dim() != 2 || numbers.size(0) != count || per_picture < 1 ||
      count < 3 * per_picture) {
    return absl::InvalidArgumentError(
        absl::StrCat("pixel probe: numbers are ", numbers.defined() ? c10::str(numbers.sizes()) : "undefined",
                     ", answers ", count, ", ", per_picture,
                     " of a picture; (N, D) of three pictures or more are needed"));
  }
  const at::Tensor whole = answers.to(at::kLong).contiguous();
  const std::vector<int64_t> all(whole.const_data_ptr<int64_t>(), whole.const_data_ptr<int64_t>() + count);
  const int64_t learnt = count / per_picture * 2 / 3 * per_picture;
  LinearProbeOptions options;
  options.penalties = {kPenalty};
  options.max_iterations = kIterations;
  const std::vector<int64_t> learnt_answers(all.begin(), all.begin() + learnt);
  PRETEXT_ASSIGN_OR_RETURN(const LinearProbe fitted,
                           FitLinearProbe(numbers.narrow(0, 0, learnt), learnt_answers, classes, options));

  const std::vector<int64_t> held_out(all.begin() + learnt, all.end());
  const std::vector<int64_t> guessed = fitted.Predict(numbers.narrow(0, learnt, count - learnt));
  int64_t right = 0;
  for (size_t i = 0; i < held_out.size(); ++i) right += guessed[i] == held_out[i] ? 1 : 0;
  PixelProbe probe;
  probe.accuracy = static_cast<double>(right) / static_cast<double>(held_out.size());
  probe.chance = CommonestShare(held_out, classes);
  probe.pictures = (count - learnt + per_picture - 1) / per_picture;
  // As if at most half were right: a share near 1 has hardly a deviation of its own.
  const double share = std::clamp(probe.accuracy, probe.chance, std::max(probe.chance, 0.5));
  probe.standard_error = std::sqrt(share * (1 - share) / static_cast<double>(probe.pictures));
  return probe;
}

}  // namespace pretext
