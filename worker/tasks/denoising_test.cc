#include "worker/tasks/denoising.h"

#include <ATen/ops/equal.h>

#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "proto/cpp/status_matchers.h"
#include "worker/dist/thread_process_group.h"
#include "worker/tasks/autoencoder.h"
#include "worker/tasks/toy_stage.h"

namespace pretext {
namespace {

v1::DenoisingSpec DamageOf(v1::DenoisingSpec::Damage damage, double amount) {
  v1::DenoisingSpec spec;
  spec.set_damage(damage);
  spec.set_amount(amount);
  return spec;
}

std::vector<uint8_t> Damaged(const v1::DenoisingSpec& spec, uint8_t value = 100) {
  std::vector<uint8_t> picture(3 * 100 * 100, value);
  Rng rng{RngKey()};
  DamagePicture(spec, 3, rng, absl::MakeSpan(picture));
  return picture;
}

TEST(DenoisingTest, GaussianNoiseHasTheDeviationAskedFor) {
  double squares = 0;
  const std::vector<uint8_t> noisy = Damaged(DamageOf(v1::DenoisingSpec::GAUSSIAN, 0.25));
  for (const uint8_t value : noisy) squares += (value - 100.0) * (value - 100.0);
  EXPECT_NEAR(std::sqrt(squares / noisy.size()), 0.25 * kTypicalDeviation, 0.3);
}

TEST(DenoisingTest, MaskedPixelsAreGreyInEveryChannelAndTheShareAskedFor) {
  const std::vector<uint8_t> masked = Damaged(DamageOf(v1::DenoisingSpec::MASK, 0.4));
  int hit = 0;
  for (size_t i = 0; i < masked.size(); i += 3) {
    EXPECT_EQ(masked[i], masked[i + 1]);
    EXPECT_EQ(masked[i], masked[i + 2]);
    hit += masked[i] != 100;
  }
  EXPECT_NEAR(hit / 10000.0, 0.4, 0.02);
}

TEST(DenoisingTest, SaltAndPepperAreAlikeInNumber) {
  int salt = 0, pepper = 0;
  const std::vector<uint8_t> damaged = Damaged(DamageOf(v1::DenoisingSpec::SALT_AND_PEPPER, 0.2));
  for (size_t i = 0; i < damaged.size(); i += 3) salt += damaged[i] == 255, pepper += damaged[i] == 0;
  EXPECT_NEAR(salt / 10000.0, 0.1, 0.01);
  EXPECT_NEAR(pepper / 10000.0, 0.1, 0.01);
}

TEST(DenoisingTest, WithoutDamageItIsTheAutoencoder) {
  v1::TaskSpec whole = SpecOf("denoising", 16);
  whole.mutable_denoising()->set_amount(0);
  ToyStage denoising(whole), autoencoder(SpecOf("autoencoder", 16));
  ThreadProcessGroup group;
  const auto loss_of = [&](const ToyStage& stage, const auto& make_builder, const auto& make_task) {
    TrainContext train;
    train.backbone = ToyBackbone();
    train.process_group = &group;
    at::manual_seed(5);
    const auto task = *make_task(stage.context, train);
    return task->Loss(BuildBatch(**make_builder(stage.context), stage.dataset, 0, 8))
        ->loss.template item<double>();
  };
  EXPECT_EQ(loss_of(denoising, MakeDenoisingViewBuilder, MakeDenoising),
            loss_of(autoencoder, MakeAutoencoderViewBuilder, MakeAutoencoder));
}

}  // namespace
}  // namespace pretext
