#include "worker/stages/consistency.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full_like.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/data/rng.h"
#include "worker/losses/consistency.h"
#include "worker/losses/feature_statistics.h"
#include "worker/models/heads.h"

namespace pretext {

class ConsistencyModule : public torch::nn::Module {
 public:
  explicit ConsistencyModule(int features)
      : projection(register_module("projection", std::make_shared<MlpHead>(features, features, kSize))) {}

  static constexpr int kSize = 128;
  std::shared_ptr<MlpHead> projection;
};

namespace {

using Spec = v1::ConsistencySpec;

constexpr char kProjection[] = "projection";
// A stream no example's view uses.
constexpr uint32_t kTurnView = 0xFFFF0002;

double FactorOf(const Spec& spec, const std::string& tap) {
  const auto found = spec.taps().find(tap);
  return found == spec.taps().end() ? 0 : found->second;
}

}  // namespace

Consistency::Consistency(const ConsistencyOptions& options, const TrainContext& train)
    : options_(options), backbone_(train.backbone), group_(train.process_group) {
  if (FactorOf(options_.spec, kProjection) == 0) return;
  module_ = std::make_shared<ConsistencyModule>(backbone_->feature_size());
  module_->to(train.device);
}

Consistency::~Consistency() = default;

int Consistency::CopiesOf(const Spec& spec) { return spec.pair() == Spec::TWO_COPIES ? 2 : 1; }

bool Consistency::turns() const {
  return options_.spec.turn() == Spec::FLIP || options_.spec.turn() == Spec::QUARTER_TURNS;
}

bool Consistency::is_symmetric() const { return options_.spec.pair() == Spec::TWO_COPIES; }

torch::nn::Module* Consistency::module() { return module_.get(); }

void Consistency::WatchOriginal() {
  if (!is_symmetric()) backbone_->Watch();
}

absl::Status Consistency::Compare(PretextTask& task, const Answers& original,
                                  const std::vector<Batch>& copies) {
  Version one, other;
  if (is_symmetric()) {
    PRETEXT_ASSIGN_OR_RETURN(one, Ask(task, copies[0], Turn::kNone));
  } else {
    one = {original, backbone_->TakeSeen()};
  }
  PRETEXT_ASSIGN_OR_RETURN(other, Ask(task, copies.back(), DrawTurn(copies.back())));
  if (one.maps.empty() || other.maps.empty() || one.maps[0].sizes() != other.maps[0].sizes()) {
    return absl::InternalError(
        "consistency: a task showed the backbone other things in Answer than first in Loss, so they cannot "
        "be "
        "compared");
  }
  ComparePredictions(task.predicts(), one, other);
  return CompareFeatures(static_cast<int64_t>(copies[0].indices.size()), one, other);
}

absl::StatusOr<Consistency::Version> Consistency::Ask(PretextTask& task, const Batch& batch, Turn turn) {
  backbone_->Watch(turn);
  absl::StatusOr<Answers> answers = task.Answer(batch);
  std::vector<at::Tensor> maps = backbone_->TakeSeen();
  PRETEXT_RETURN_IF_ERROR(answers.status());
  return Version{*std::move(answers), std::move(maps)};
}

Turn Consistency::DrawTurn(const Batch& batch) const {
  if (!turns()) return Turn::kNone;
  if (options_.spec.turn() == Spec::FLIP) return Turn::kFlip;
  RngKey key;
  key.seed = options_.seed;
  key.stage = options_.stage;
  key.epoch = batch.micro;
  key.sample = batch.step;
  key.view = kTurnView;
  constexpr Turn kTurns[] = {Turn::kQuarter, Turn::kHalf, Turn::kThreeQuarters};
  return kTurns[Rng(key).Below(std::size(kTurns))];
}

void Consistency::ComparePredictions(PredictionKind kind, const Version& one, const Version& other) {
  if (turns() || kind == PredictionKind::kNone) return;
  const at::Tensor& a = one.answers.predictions;
  const at::Tensor& b = other.answers.predictions;
  const auto measure = kind == PredictionKind::kValues                   ? &ValueDistance
                       : options_.spec.prediction_measure() == Spec::MSE ? &ProbabilityDistance
                                                                         : &DistributionDivergence;
  if (options_.spec.predictions() > 0) {
    const at::Tensor disagreement = measure(a, b);
    Add("consistency_predictions", options_.spec.predictions(),
        is_symmetric() ? (disagreement + measure(b, a)) / 2 : disagreement);
  }
  if (kind == PredictionKind::kLogits) Add("prediction_agreement", /*factor=*/0, PredictionAgreement(a, b));
}

absl::Status Consistency::CompareFeatures(int64_t pictures, const Version& one, const Version& other) {
  const auto add = [&](const std::string& tap, const at::Tensor& a, const at::Tensor& b) -> absl::Status {
    const int64_t parts = std::max<int64_t>(1, a.size(0) / pictures);
    PRETEXT_ASSIGN_OR_RETURN(at::Tensor disagreement, Disagreement(a, b, parts));
    if (is_symmetric()) {
      PRETEXT_ASSIGN_OR_RETURN(const at::Tensor back, Disagreement(b, a, parts));
      disagreement = (disagreement + back) / 2;
    }
    Add(absl::StrCat("consistency_", tap), FactorOf(options_.spec, tap), disagreement);
    return absl::OkStatus();
  };
  for (size_t i = 0; i < one.maps.size(); ++i) {
    const std::string tap = absl::StrCat("layer", i + 1);
    if (FactorOf(options_.spec, tap) == 0) continue;
    PRETEXT_RETURN_IF_ERROR(add(tap, RowsOf(one.maps[i]), RowsOf(other.maps[i])));
  }
  if (module_ != nullptr) {
    const at::Tensor a = module_->projection->Forward(AveragePool(one.maps.back()));
    const at::Tensor b = module_->projection->Forward(AveragePool(other.maps.back()));
    PRETEXT_RETURN_IF_ERROR(add(kProjection, a, b));
    if (b.size(0) >= 2) Add("consistency_spread", /*factor=*/0, FeatureSpread(b));
  }
  if (one.answers.features.defined()) {
    const FeatureAgreement agreement = pretext::CompareFeatures(one.answers.features, other.answers.features);
    Add("consistency_same_cosine", /*factor=*/0, agreement.same);
    Add("consistency_other_cosine", /*factor=*/0, agreement.other);
    Add("consistency_cosine_gap", /*factor=*/0, agreement.same - agreement.other);
  }
  return absl::OkStatus();
}

at::Tensor Consistency::RowsOf(const at::Tensor& map) const {
  if (!turns()) return AveragePool(map);
  // Place by place; InfoNCE, which compares all with all, takes the whole map for one row.
  if (options_.spec.feature_measure() == Spec::INFO_NCE) return map.flatten(1);
  return map.permute({0, 2, 3, 1}).flatten(0, 2);
}

absl::StatusOr<at::Tensor> Consistency::Disagreement(const at::Tensor& target, const at::Tensor& rows,
                                                     int64_t parts) const {
  switch (options_.spec.feature_measure()) {
    case Spec::INFO_NCE: {
      // Of all ranks, so that how many there are changes nothing; targets take no gradient in any case.
      PRETEXT_ASSIGN_OR_RETURN(const at::Tensor targets,
                               group_->AllGather(target.detach().to(at::kFloat).contiguous()));
      return ContrastLoss(targets, rows, {group_->rank() * rows.size(0), parts, options_.spec.temperature()});
    }
    case Spec::MSE:
      return FeatureDistance(target, rows);
    default:
      return CosineDistance(target, rows);
  }
}

void Consistency::Add(const std::string& name, double factor, const at::Tensor& value) {
  const auto found =
      std::find_if(sums_.begin(), sums_.end(), [&](const Sum& sum) { return sum.name == name; });
  if (found == sums_.end()) {
    sums_.push_back({name, factor, value, 1});
  } else {
    found->sum = found->sum + value;
    ++found->tasks;
  }
}

BatchLoss Consistency::Take(int64_t step) {
  BatchLoss taken;
  at::Tensor disagreement;
  for (const Sum& sum : sums_) {
    const at::Tensor mean = sum.sum / sum.tasks;
    taken.values.emplace_back(sum.name, mean.detach());
    if (sum.factor == 0) continue;
    disagreement = disagreement.defined() ? disagreement + mean * sum.factor : mean * sum.factor;
  }
  sums_.clear();
  if (!disagreement.defined()) return taken;
  const double weight = ConsistencyWeight(options_.spec, step, options_.steps);
  taken.loss = disagreement * weight;
  taken.values.emplace_back("consistency_loss", disagreement.detach());
  taken.values.emplace_back("consistency_weight", at::full_like(disagreement.detach(), weight));
  return taken;
}

double ConsistencyWeight(const Spec& spec, int64_t step, int64_t steps) {
  const double ramp = spec.ramp_share() * static_cast<double>(steps);
  if (!(static_cast<double>(step) < ramp)) return spec.weight();
  const double t = static_cast<double>(step) / ramp;
  return spec.weight() * std::exp(-5 * (1 - t) * (1 - t));
}

}  // namespace pretext
