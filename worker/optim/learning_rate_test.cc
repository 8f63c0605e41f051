#include "worker/optim/learning_rate.h"

#include <cmath>

#include "gtest/gtest.h"

namespace pretext {
namespace {

// Golden values made with fastai, to the digits it was asked for.
#define EXPECT_GOLDEN(actual, expected) EXPECT_NEAR(actual, expected, 1e-6 * (expected))

TEST(LearningRateTest, OneCycleGivesFastaisValues) {
  struct Golden {
    int batch;
    double rate, momentum;
  };
  for (const Golden& golden : {Golden{0, 4.000000e-5, 0.95000}, Golden{12, 4.898606e-4, 0.90314},
                               Golden{25, 1.0e-3, 0.85000}, Golden{50, 7.500025e-4, 0.87500},
                               Golden{75, 2.500075e-4, 0.92500}, Golden{99, 4.485806e-7, 0.94996}}) {
    const Rates rates = OneCycleAt({}, golden.batch / 100.0);
    EXPECT_GOLDEN(rates.learning_rate, golden.rate) << golden.batch;
    EXPECT_NEAR(rates.momentum, golden.momentum, 5e-6) << golden.batch;
  }
}

TEST(LearningRateTest, OneCycleMomentumMirrorsTheRate) {
  for (int batch = 1; batch < 100; ++batch) {
    const Rates before = OneCycleAt({}, (batch - 1) / 100.0);
    const Rates now = OneCycleAt({}, batch / 100.0);
    EXPECT_EQ(now.learning_rate > before.learning_rate, now.momentum < before.momentum) << batch;
  }
}

TEST(LearningRateTest, OneCycleWithoutRiseOrWithoutFallStaysFinite) {
  OneCycle cycle;
  cycle.rise = 0;
  EXPECT_DOUBLE_EQ(OneCycleAt(cycle, 0).learning_rate, cycle.peak);
  cycle.rise = 1;
  EXPECT_DOUBLE_EQ(OneCycleAt(cycle, 0).learning_rate, cycle.peak / cycle.div);
  EXPECT_NEAR(OneCycleAt(cycle, 1).learning_rate, cycle.peak / cycle.div_final, 1e-15);
}

TEST(LearningRateTest, FineTuneGivesFastaisValuesInBothPhases) {
  const auto frozen = [](int batch) { return FineTuneFrozenAt(2e-3, /*groups=*/3, batch / 100.0); };
  EXPECT_GOLDEN(frozen(0).back().learning_rate, 8.0e-5);
  EXPECT_GOLDEN(frozen(50).back().learning_rate, 1.055231e-3);
  EXPECT_GOLDEN(frozen(98).back().learning_rate, 1.999517e-3);
  EXPECT_GOLDEN(frozen(99).back().learning_rate, 2.0e-3);

  const auto unfrozen = [](int batch) { return FineTuneUnfrozenAt(2e-3, 100, /*groups=*/3, batch / 100.0); };
  EXPECT_GOLDEN(unfrozen(0).back().learning_rate, 2.0e-4);
  EXPECT_GOLDEN(unfrozen(15).back().learning_rate, 6.0e-4);
  EXPECT_GOLDEN(unfrozen(30).back().learning_rate, 1.0e-3);
  EXPECT_GOLDEN(unfrozen(65).back().learning_rate, 5.000050e-4);
  EXPECT_GOLDEN(unfrozen(99).back().learning_rate, 5.134617e-7);
}

TEST(LearningRateTest, FineTuneGivesEachGroupTheSameShapeAtItsOwnPeak) {
  for (int batch = 0; batch < 100; ++batch) {
    const std::vector<Rates> frozen = FineTuneFrozenAt(2e-3, 3, batch / 100.0);
    EXPECT_GOLDEN(frozen[0].learning_rate, frozen[2].learning_rate / 10);
    EXPECT_GOLDEN(frozen[1].learning_rate, frozen[2].learning_rate / 10);
    const std::vector<Rates> unfrozen = FineTuneUnfrozenAt(2e-3, 100, 3, batch / 100.0);
    EXPECT_GOLDEN(unfrozen[0].learning_rate, unfrozen[2].learning_rate / 100);
    EXPECT_GOLDEN(unfrozen[1].learning_rate, unfrozen[2].learning_rate / 10);
    EXPECT_EQ(unfrozen[0].momentum, unfrozen[2].momentum);
  }
}

TEST(LearningRateTest, GeometricRatesOfOneGroupAreTheLast) {
  EXPECT_EQ(GeometricRates(1e-5, 1e-3, 1), std::vector<double>{1e-3});
  const std::vector<double> three = GeometricRates(1e-5, 1e-3, 3);
  EXPECT_DOUBLE_EQ(three[0], 1e-5);
  EXPECT_DOUBLE_EQ(three[1], 1e-4);
  EXPECT_DOUBLE_EQ(three[2], 1e-3);
}

TEST(LearningRateTest, SlantedTriangleHasThePapersCorners) {
  const auto at = [](int step) { return SlantedTriangularAt(0.01, step, 100); };
  EXPECT_GOLDEN(at(0), 3.125e-4);
  EXPECT_GOLDEN(at(5), 5.15625e-3);
  EXPECT_GOLDEN(at(10), 1.0e-2);
  EXPECT_GOLDEN(at(55), 5.15625e-3);
  EXPECT_GOLDEN(at(99), 4.201389e-4);
  EXPECT_GOLDEN(at(100), 3.125e-4);
}

TEST(LearningRateTest, SlantedTriangleOfAFewStepsStaysBetweenItsBounds) {
  for (int steps = 1; steps < 12; ++steps) {
    for (int step = 0; step < steps; ++step) {
      const double rate = SlantedTriangularAt(0.01, step, steps);
      EXPECT_GE(rate, 0.01 / 32 * (1 - 1e-12)) << step << " of " << steps;
      EXPECT_LE(rate, 0.01) << step << " of " << steps;
    }
  }
}

TEST(LearningRateTest, UlmfitGroupsFormAGeometricSeriesOfRatio26) {
  for (int step = 0; step < 50; ++step) {
    const std::vector<Rates> rates = UlmfitAt(0.01, 4, step, 50);
    EXPECT_DOUBLE_EQ(rates[3].learning_rate, SlantedTriangularAt(0.01, step, 50));
    for (int group = 0; group < 3; ++group) {
      EXPECT_NEAR(rates[group + 1].learning_rate / rates[group].learning_rate, 2.6, 1e-12);
    }
  }
}

TEST(LearningRateTest, WarmupCosineRisesByEqualStepsAndFallsToZero) {
  const auto at = [](int step) { return WarmupCosineAt(1.0, 0.1, step, 100); };
  for (int step = 0; step <= 10; ++step) EXPECT_NEAR(at(step), (step + 1) / 11.0, 1e-12) << step;
  for (int step = 11; step < 100; ++step) EXPECT_LT(at(step), at(step - 1)) << step;
  EXPECT_NEAR(at(55), 0.5, 1e-12);
  EXPECT_NEAR(at(99), (1 + std::cos(M_PI * 89 / 90)) / 2, 1e-12);
  EXPECT_EQ(at(100), 0);
}

TEST(LearningRateTest, WarmupCosineNeverWastesAStepOnARateOfZero) {
  for (const double warmup : {0.0, 0.02, 0.5, 1.0}) {
    for (int steps = 1; steps < 30; ++steps) {
      for (int step = 0; step < steps; ++step) {
        EXPECT_GT(WarmupCosineAt(0.1, warmup, step, steps), 0) << warmup << " " << step << " of " << steps;
      }
    }
  }
}

v1::OptimizerSpec Sgd(double momentum) {
  v1::OptimizerSpec spec;
  spec.set_learning_rate(0.03);
  spec.set_momentum(momentum);
  return spec;
}

TEST(LearningRateTest, ScheduledOneCycleSwingsAroundTheOptimizersMomentum) {
  v1::ScheduleSpec schedule;
  schedule.set_kind(v1::ScheduleSpec::ONE_CYCLE);
  schedule.set_warmup_share(0.25);
  for (int step = 0; step < 40; ++step) {
    OneCycle cycle;
    cycle.peak = 0.03;
    const Rates want = OneCycleAt(cycle, step / 40.0);
    const Rates got = ScheduledRates(schedule, Sgd(0.9), step, 40);
    EXPECT_DOUBLE_EQ(got.learning_rate, want.learning_rate);
    EXPECT_NEAR(got.momentum, want.momentum, 1e-12);
    EXPECT_EQ(ScheduledRates(schedule, Sgd(0), step, 40).momentum, 0);
    const double high = ScheduledRates(schedule, Sgd(0.99), step, 40).momentum;
    EXPECT_GE(high, 0.985 - 1e-12);
    EXPECT_LE(high, 0.995 + 1e-12);
  }
}

TEST(LearningRateTest, ScheduledWarmupCosineAndConstantKeepMomentum) {
  v1::ScheduleSpec schedule;
  schedule.set_kind(v1::ScheduleSpec::WARMUP_COSINE);
  schedule.set_warmup_share(0.2);
  const Rates rates = ScheduledRates(schedule, Sgd(0.8), 3, 50);
  EXPECT_DOUBLE_EQ(rates.learning_rate, WarmupCosineAt(0.03, 0.2, 3, 50));
  EXPECT_EQ(rates.momentum, 0.8);
  schedule.set_kind(v1::ScheduleSpec::CONSTANT);
  for (const int step : {0, 25, 49}) {
    EXPECT_EQ(ScheduledRates(schedule, Sgd(0.8), step, 50).learning_rate, 0.03);
    EXPECT_EQ(ScheduledRates(schedule, Sgd(0.8), step, 50).momentum, 0.8);
  }
}

}  // namespace
}  // namespace pretext
