#include "worker/stages/consistency.h"

#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>

#include <cmath>
#include <map>
#include <set>

#include "proto/cpp/status_matchers.h"
#include "worker/dist/thread_process_group.h"
#include "worker/models/heads.h"

namespace pretext {
namespace {

using Spec = v1::ConsistencySpec;

// Turns with its pictures exactly: a 1x1 convolution, averaged ever more.
class EquivariantTrunk : public BackboneModule {
 public:
  EquivariantTrunk() : weight_(register_parameter("weight", at::randn({kChannels, 3, 1, 1}))) {}
  static constexpr int kChannels = 4;

  int feature_size() const override { return kChannels; }
  std::vector<int> map_channels() const override { return std::vector<int>(4, kChannels); }
  std::vector<std::vector<std::string>> layer_groups() const override { return {{"weight"}}; }
  const BackboneOptions& options() const override { return options_; }
  void SetBatchNormGroups(int groups) override {}

 protected:
  std::vector<at::Tensor> MapsOf(const at::Tensor& images) override {
    std::vector<at::Tensor> maps = {at::conv2d(images, weight_)};
    while (maps.size() < 4) maps.push_back(at::avg_pool2d(maps.back(), {2, 2}));
    return maps;
  }

 private:
  at::Tensor weight_;
  BackboneOptions options_;
};

// Says one of five things of each picture; field 0 is (B, 3, 8, 8).
class ToyTask : public PretextTask {
 public:
  explicit ToyTask(Backbone backbone)
      : backbone_(std::move(backbone)), head_(std::make_shared<LinearHead>(backbone_->feature_size(), 5)) {}

  absl::StatusOr<TaskOutput> Loss(const Batch& batch) override {
    TaskOutput output{*Answer(batch), {}, {}};
    output.loss = output.predictions.square().mean();
    return output;
  }
  absl::StatusOr<Answers> Answer(const Batch& batch) override {
    const at::Tensor features = backbone_->Forward(batch.fields[0]);
    return Answers{head_->Forward(features), features};
  }
  PredictionKind predicts() const override { return PredictionKind::kLogits; }
  torch::nn::Module& module() override { return *head_; }
  double chance_loss() const override { return 0; }

 private:
  Backbone backbone_;
  std::shared_ptr<LinearHead> head_;
};

class ConsistencyTest : public ::testing::Test {
 protected:
  ConsistencyTest() {
    spec_.set_weight(2);
    spec_.set_pair(Spec::ORIGINAL_AND_COPY);
    spec_.set_predictions(1);
    spec_.set_prediction_measure(Spec::KL);
    spec_.set_feature_measure(Spec::COSINE);
    spec_.set_temperature(0.2);
    spec_.set_ramp_share(0);
    spec_.set_turn(Spec::NONE);
    (*spec_.mutable_taps())["layer2"] = 0.5;
    (*spec_.mutable_taps())["projection"] = 1;
    train_.backbone = std::make_shared<EquivariantTrunk>();
    train_.process_group = &group_;
  }

  static Batch BatchOf(const at::Tensor& images, int64_t step = 0) {
    Batch batch;
    batch.fields = {images};
    batch.indices.resize(images.size(0));
    batch.step = step;
    return batch;
  }

  // What comes of one comparison of pictures with copies of them.
  BatchLoss Compare(Consistency& consistency, const at::Tensor& original,
                    const std::vector<at::Tensor>& copies, int64_t step = 0) {
    ToyTask task(train_.backbone);
    std::vector<Batch> batches;
    for (const at::Tensor& copy : copies) batches.push_back(BatchOf(copy, step));
    consistency.WatchOriginal();
    const absl::StatusOr<TaskOutput> output = task.Loss(BatchOf(original, step));
    EXPECT_OK(output);
    EXPECT_OK(consistency.Compare(task, *output, batches));
    head_gradients_ = task.module().parameters();
    return consistency.Take(step);
  }
  BatchLoss Compare(const at::Tensor& original, const std::vector<at::Tensor>& copies) {
    Consistency consistency({spec_, /*steps=*/10, /*seed=*/7, /*stage=*/0}, train_);
    return Compare(consistency, original, copies);
  }

  static std::map<std::string, double> Values(const BatchLoss& loss) {
    std::map<std::string, double> values;
    for (const auto& [name, value] : loss.values) {
      EXPECT_FALSE(value.requires_grad()) << name;
      EXPECT_TRUE(values.emplace(name, value.item<double>()).second) << name;
    }
    return values;
  }

  Spec spec_;
  ThreadProcessGroup group_;
  TrainContext train_;
  std::vector<at::Tensor> head_gradients_;
  const at::Tensor pictures_ = at::randn({6, 3, 8, 8});
};

TEST_F(ConsistencyTest, IdenticalVersionsAddNothingAndAgree) {
  for (const Spec::Pair pair : {Spec::ORIGINAL_AND_COPY, Spec::TWO_COPIES}) {
    for (const Spec::Measure measure : {Spec::COSINE, Spec::MSE}) {
      spec_.set_pair(pair);
      spec_.set_feature_measure(measure);
      const BatchLoss loss = Compare(pictures_, {pictures_, pictures_});
      EXPECT_NEAR(loss.loss.item<double>(), 0, 1e-5);
      auto values = Values(loss);
      EXPECT_EQ(values["consistency_predictions"], 0);
      EXPECT_NEAR(values["consistency_layer2"], 0, 1e-6);
      EXPECT_NEAR(values["consistency_projection"], 0, 1e-6);
      EXPECT_EQ(values["prediction_agreement"], 1);
      EXPECT_NEAR(values["consistency_same_cosine"], 1, 1e-6);
      EXPECT_GT(values["consistency_cosine_gap"], 0);
      EXPECT_GT(values["consistency_spread"], 0);
    }
  }
}

TEST_F(ConsistencyTest, IsTheSumOfFactorsTimesDisagreementsTimesTheWeight) {
  const BatchLoss loss = Compare(pictures_, {at::randn({6, 3, 8, 8})});
  auto values = Values(loss);
  const double sum = values["consistency_predictions"] + 0.5 * values["consistency_layer2"] +
                     values["consistency_projection"];
  EXPECT_GT(sum, 0.1);
  EXPECT_NEAR(values["consistency_loss"], sum, 1e-5);
  EXPECT_EQ(values["consistency_weight"], 2);
  EXPECT_NEAR(loss.loss.item<double>(), 2 * sum, 1e-5);
}

TEST_F(ConsistencyTest, IsTheMeanOverTasks) {
  Consistency consistency({spec_, 10, 7, 0}, train_);
  ToyTask one(train_.backbone), other(train_.backbone);
  const at::Tensor copies = at::randn({6, 3, 8, 8});
  const auto compare = [&](ToyTask& task) {
    consistency.WatchOriginal();
    const TaskOutput output = *task.Loss(BatchOf(pictures_));
    EXPECT_OK(consistency.Compare(task, output, {BatchOf(copies)}));
  };
  compare(one);
  const double of_one = consistency.Take(0).loss.item<double>();
  compare(other);
  const double of_other = consistency.Take(0).loss.item<double>();
  compare(one);
  compare(other);
  EXPECT_NEAR(consistency.Take(0).loss.item<double>(), (of_one + of_other) / 2, 1e-5);
  EXPECT_FALSE(consistency.Take(0).loss.defined());
}

TEST_F(ConsistencyTest, PullsTheCopyToTheOriginalOrTwoCopiesToEachOther) {
  at::Tensor original = pictures_.clone().requires_grad_(), first = at::randn({6, 3, 8, 8}).requires_grad_(),
             second = at::randn({6, 3, 8, 8}).requires_grad_();
  Compare(original, {first}).loss.backward();
  EXPECT_FALSE(original.grad().defined());
  EXPECT_GT(first.grad().abs().max().item<double>(), 0);
  first.mutable_grad().reset();
  spec_.set_pair(Spec::TWO_COPIES);
  Compare(original, {first, second}).loss.backward();
  EXPECT_FALSE(original.grad().defined());
  EXPECT_GT(first.grad().abs().max().item<double>(), 0);
  EXPECT_GT(second.grad().abs().max().item<double>(), 0);
}

TEST_F(ConsistencyTest, TwoCopiesMayBeSwapped) {
  spec_.set_pair(Spec::TWO_COPIES);
  spec_.set_predictions(0);
  Consistency consistency({spec_, 10, 7, 0}, train_);
  const at::Tensor first = at::randn({6, 3, 8, 8}), second = at::randn({6, 3, 8, 8});
  EXPECT_NEAR(Compare(consistency, pictures_, {first, second}).loss.item<double>(),
              Compare(consistency, pictures_, {second, first}).loss.item<double>(), 1e-6);
}

// Without the turn back of maps a layer would be punished for what it does right.
TEST_F(ConsistencyTest, AnEquivariantTrunkAgreesWithItsTurnedCopiesExactly) {
  spec_.set_predictions(0);
  spec_.clear_taps();
  for (const char* tap : {"layer1", "layer2", "layer3", "layer4"}) (*spec_.mutable_taps())[tap] = 1;
  for (const Spec::Turn turn : {Spec::FLIP, Spec::QUARTER_TURNS}) {
    for (const Spec::Measure measure : {Spec::COSINE, Spec::MSE}) {
      spec_.set_turn(turn);
      spec_.set_feature_measure(measure);
      Consistency consistency({spec_, 10, 7, 0}, train_);
      for (int64_t step = 0; step < 5; ++step) {
        const BatchLoss loss = Compare(consistency, pictures_, {pictures_}, step);
        EXPECT_NEAR(loss.loss.item<double>(), 0, 1e-5) << step;
        EXPECT_EQ(Values(loss).count("prediction_agreement"), 0);
      }
    }
  }
  BackboneOptions options;
  options.name = "resnet10_narrow";
  options.small_stem = true;
  train_.backbone = *MakeBackbone(options);
  EXPECT_GT(Compare(pictures_, {pictures_}).loss.item<double>(), 0.01);
}

// The same on every rank and after every resume, another from step to step.
TEST_F(ConsistencyTest, DrawsTurnsByStep) {
  spec_.set_predictions(0);
  spec_.set_turn(Spec::QUARTER_TURNS);
  spec_.clear_taps();
  (*spec_.mutable_taps())["layer4"] = 1;
  BackboneOptions options;
  options.name = "resnet10_narrow";
  options.small_stem = true;
  train_.backbone = *MakeBackbone(options);
  train_.backbone->eval();
  std::set<double> seen;
  for (int64_t step = 0; step < 12; ++step) {
    Consistency consistency({spec_, 100, 7, 0}, train_), again({spec_, 100, 7, 0}, train_);
    const double loss = Compare(consistency, pictures_, {pictures_}, step).loss.item<double>();
    EXPECT_EQ(Compare(again, pictures_, {pictures_}, step).loss.item<double>(), loss);
    seen.insert(loss);
  }
  EXPECT_EQ(seen.size(), 3);
}

TEST_F(ConsistencyTest, ContrastsWithTheOtherPicturesOfTheBatch) {
  spec_.set_predictions(0);
  spec_.set_weight(1);
  spec_.clear_taps();
  (*spec_.mutable_taps())["layer1"] = 1;
  spec_.set_feature_measure(Spec::INFO_NCE);
  const at::Tensor same = pictures_.slice(0, 0, 1).expand({6, 3, 8, 8});
  EXPECT_NEAR(Compare(same, {same}).loss.item<double>(), std::log(6.0), 1e-5);
  EXPECT_LT(Compare(pictures_, {pictures_}).loss.item<double>(), std::log(6.0));
  spec_.set_turn(Spec::FLIP);
  EXPECT_LT(Compare(pictures_, {pictures_}).loss.item<double>(), std::log(6.0));
}

TEST_F(ConsistencyTest, GivesAGradientToEveryParameterOfTheProjectionUnderAutocastToo) {
  for (const Spec::Pair pair : {Spec::ORIGINAL_AND_COPY, Spec::TWO_COPIES}) {
    spec_.set_pair(pair);
    Consistency consistency({spec_, 10, 7, 0}, train_);
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    at::autocast::set_autocast_enabled(at::kCPU, true);
    const BatchLoss loss =
        Compare(consistency, pictures_, {at::randn({6, 3, 8, 8}), at::randn({6, 3, 8, 8})});
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCPU, false);
    EXPECT_EQ(loss.loss.scalar_type(), at::kFloat);
    loss.loss.backward();
    EXPECT_EQ(consistency.module()->parameters().size(), 4);
    for (const auto& item : consistency.module()->named_parameters()) {
      ASSERT_TRUE(item.value().grad().defined()) << item.key();
    }
    for (const at::Tensor& parameter : head_gradients_) EXPECT_TRUE(parameter.grad().defined());
  }
}

TEST_F(ConsistencyTest, HasNothingToTrainWithoutAProjection) {
  (*spec_.mutable_taps())["projection"] = 0;
  Consistency consistency({spec_, 10, 7, 0}, train_);
  EXPECT_EQ(consistency.module(), nullptr);
  EXPECT_EQ(Values(Compare(consistency, pictures_, {pictures_})).count("consistency_projection"), 0);
}

TEST_F(ConsistencyTest, SaysWhenATaskAnswersAboutSomethingElse) {
  Consistency consistency({spec_, 10, 7, 0}, train_);
  ToyTask task(train_.backbone);
  consistency.WatchOriginal();
  const TaskOutput output = *task.Loss(BatchOf(pictures_));
  EXPECT_THAT(consistency.Compare(task, output, {BatchOf(at::randn({3, 3, 8, 8}))}),
              StatusIs(absl::StatusCode::kInternal, ::testing::HasSubstr("in Answer than first in Loss")));
}

TEST(ConsistencyWeightTest, RisesOverTheFirstShareOfTheSteps) {
  Spec spec;
  spec.set_weight(3);
  spec.set_ramp_share(0.2);
  EXPECT_DOUBLE_EQ(ConsistencyWeight(spec, 0, 100), 3 * std::exp(-5.0));
  EXPECT_DOUBLE_EQ(ConsistencyWeight(spec, 10, 100), 3 * std::exp(-5 * 0.25));
  EXPECT_DOUBLE_EQ(ConsistencyWeight(spec, 20, 100), 3);
  EXPECT_DOUBLE_EQ(ConsistencyWeight(spec, 99, 100), 3);
  spec.set_ramp_share(0);
  EXPECT_DOUBLE_EQ(ConsistencyWeight(spec, 0, 100), 3);
}

}  // namespace
}  // namespace pretext
