// What every pretext task keeps, run over the whole registry.

#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>

#include <cmath>
#include <thread>

#include "proto/cpp/status_matchers.h"
#include "worker/dist/thread_process_group.h"
#include "worker/tasks/registry.h"
#include "worker/tasks/toy_stage.h"

namespace pretext {
namespace {

// The smaller of two sides of pictures that the task takes.
int SmallestSide(const TaskEntry& entry) {
  const ToyStage small(SpecOf(entry.name, 16), 16);
  return entry.check(small.context).ok() ? 16 : 32;
}

class TaskConformanceTest : public ::testing::TestWithParam<TaskEntry> {
 protected:
  TaskConformanceTest() : side_(SmallestSide(GetParam())), stage_(SpecOf(GetParam().name, side_), side_) {
    train_.backbone = ToyBackbone(/*bn_groups=*/2);
    train_.process_group = &group_;
  }

  std::unique_ptr<ViewBuilder> MakeBuilder() { return *GetParam().make_view_builder(stage_.context); }
  std::unique_ptr<PretextTask> MakeTask() {
    at::manual_seed(5);
    return *GetParam().make_task(stage_.context, train_);
  }

  const int side_;
  ToyStage stage_;
  ThreadProcessGroup group_;
  TrainContext train_;
};

void ExpectSameFields(const Batch& one, const Batch& other) {
  ASSERT_EQ(one.fields.size(), other.fields.size());
  for (size_t i = 0; i < one.fields.size(); ++i) EXPECT_TRUE(at::equal(one.fields[i], other.fields[i])) << i;
}

TEST_P(TaskConformanceTest, AcceptsOrdinaryPictures) { EXPECT_OK(GetParam().check(stage_.context)); }

TEST_P(TaskConformanceTest, EqualKeysGiveEqualBytesAndAnotherEpochOthers) {
  const auto builder = MakeBuilder();
  const Batch batch = BuildBatch(*builder, stage_.dataset, 0, 8);
  ExpectSameFields(batch, BuildBatch(*MakeBuilder(), stage_.dataset, 0, 8));
  EXPECT_FALSE(at::equal(batch.fields[0],
                         BuildBatch(*builder, stage_.dataset, 0, 8, /*step=*/0, /*epoch=*/1).fields[0]));
}

TEST_P(TaskConformanceTest, NeverReadsTheClassLabel) {
  const auto builder = MakeBuilder();
  ExpectSameFields(BuildBatch(*builder, stage_.dataset, 0, 8, 0, 0, /*label=*/-1),
                   BuildBatch(*builder, stage_.dataset, 0, 8, 0, 0, /*label=*/12345));
}

TEST_P(TaskConformanceTest, BuildsConcurrently) {
  const auto builder = MakeBuilder();
  const Batch expected = BuildBatch(*builder, stage_.dataset, 0, 16);
  std::vector<Batch> built(4);
  std::vector<std::thread> threads;
  for (Batch& batch : built) {
    threads.emplace_back([&] { batch = BuildBatch(*builder, stage_.dataset, 0, 16); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Batch& batch : built) ExpectSameFields(batch, expected);
}

TEST_P(TaskConformanceTest, StartsAtChanceWithAZeroHead) {
  if (stage_.context.spec.has_colorization()) {
    stage_.context.spec.mutable_colorization()->set_uniform_share(1);  // all colours weigh the same
  }
  const auto task = MakeTask();
  {
    at::NoGradGuard no_grad;
    for (at::Tensor& parameter : task->module().parameters()) {
      if (parameter.requires_grad()) parameter.zero_();
    }
  }
  ASSERT_OK_AND_ASSIGN(const TaskOutput output, task->Loss(BuildBatch(*MakeBuilder(), stage_.dataset, 0, 8)));
  // Of tasks that give pictures back it is the variance of the whole data, and a batch has its own.
  const v1::TaskSpec& spec = stage_.context.spec;
  const double tolerance = spec.has_autoencoder() || spec.has_denoising() ? 0.5 : 1e-4;
  EXPECT_NEAR(output.loss.item<double>(), task->chance_loss(), tolerance);
}

TEST_P(TaskConformanceTest, KeepsItsOutputsPromises) {
  const auto task = MakeTask();
  ASSERT_OK_AND_ASSIGN(const TaskOutput output, task->Loss(BuildBatch(*MakeBuilder(), stage_.dataset, 0, 8)));
  EXPECT_EQ(output.loss.dim(), 0);
  EXPECT_TRUE(output.loss.requires_grad());
  EXPECT_FALSE(output.metrics.empty());
  for (const auto& [name, value] : output.metrics) {
    EXPECT_EQ(value.dim(), 0) << name;
    EXPECT_FALSE(value.requires_grad()) << name;
    EXPECT_TRUE(std::isfinite(value.item<double>())) << name;
  }
  if (output.predictions.defined()) EXPECT_EQ(output.predictions.size(0), 8);
  ASSERT_TRUE(output.features.defined());
  EXPECT_EQ(output.features.sizes(), at::IntArrayRef({8, train_.backbone->feature_size()}));
}

TEST_P(TaskConformanceTest, ComputesItsLossInFullPrecisionUnderAutocast) {
  const auto task = MakeTask();
  const auto full = MakeTask();  // moco's losses differ by the state they leave
  const Batch batch = BuildBatch(*MakeBuilder(), stage_.dataset, 0, 8);
  ASSERT_OK_AND_ASSIGN(const TaskOutput expected, full->Loss(batch));
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const absl::StatusOr<TaskOutput> output = task->Loss(batch);
  at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(at::kCPU, false);
  ASSERT_OK(output);
  EXPECT_EQ(output->loss.scalar_type(), at::kFloat);
  const double tolerance = 0.1 * (1 + expected.loss.item<double>());
  EXPECT_NEAR(output->loss.item<double>(), expected.loss.item<double>(), tolerance);
  output->loss.backward();
  for (const at::Tensor& parameter : train_.backbone->parameters()) {
    EXPECT_EQ(parameter.grad().scalar_type(), at::kFloat);
  }
}

TEST_P(TaskConformanceTest, TakesGreyPicturesOrRefusesThem) {
  ToyStage gray(SpecOf(GetParam().name, side_), side_, 64, /*channels=*/1);
  const absl::Status checked = GetParam().check(gray.context);
  if (!checked.ok()) {
    EXPECT_THAT(checked, StatusIs(absl::StatusCode::kInvalidArgument, ::testing::HasSubstr("grey")));
    return;
  }
  TrainContext train = train_;
  train.backbone = ToyBackbone(/*bn_groups=*/2, /*channels=*/1);
  ASSERT_OK_AND_ASSIGN(const auto builder, GetParam().make_view_builder(gray.context));
  ASSERT_OK_AND_ASSIGN(const auto task, GetParam().make_task(gray.context, train));
  ASSERT_OK_AND_ASSIGN(const TaskOutput output, task->Loss(BuildBatch(*builder, gray.dataset, 0, 8)));
  EXPECT_TRUE(std::isfinite(output.loss.item<double>()));
}

// Data-parallel training needs it: a parameter without gradient never becomes ready.
TEST_P(TaskConformanceTest, GivesAGradientToEveryTrainedParameter) {
  const auto task = MakeTask();
  ASSERT_OK_AND_ASSIGN(const TaskOutput output, task->Loss(BuildBatch(*MakeBuilder(), stage_.dataset, 0, 8)));
  output.loss.backward();
  for (const auto& item : train_.backbone->named_parameters()) {
    EXPECT_TRUE(item.value().grad().defined()) << item.key();
  }
  for (const auto& item : task->module().named_parameters()) {
    EXPECT_EQ(item.value().grad().defined(), item.value().requires_grad()) << item.key();
  }
}

TEST_P(TaskConformanceTest, WeightZeroLeavesAllGradientsZero) {
  const auto task = MakeTask();
  ASSERT_OK_AND_ASSIGN(const TaskOutput output, task->Loss(BuildBatch(*MakeBuilder(), stage_.dataset, 0, 8)));
  (output.loss * 0).backward();
  for (const at::Tensor& parameter : train_.backbone->parameters()) {
    EXPECT_EQ(parameter.grad().abs().max().item<double>(), 0);
  }
}

// A checkpoint holds the module's parameters and buffers and the backbone's, and nothing else.
TEST_P(TaskConformanceTest, ContinuesFromItsModuleAsIfNeverInterrupted) {
  const auto builder = MakeBuilder();
  const auto task = MakeTask();
  for (int64_t step = 0; step < 3; ++step) {
    TrainStep(*task, *train_.backbone, BuildBatch(*builder, stage_.dataset, 8 * step, 8, step), 0.05);
  }

  TrainContext resumed = train_;
  resumed.backbone = ToyBackbone(/*bn_groups=*/2);
  at::manual_seed(99);
  ASSERT_OK_AND_ASSIGN(const auto copy, GetParam().make_task(stage_.context, resumed));
  CopyState(*train_.backbone, *resumed.backbone);
  CopyState(task->module(), copy->module());

  for (int64_t step = 3; step < 6; ++step) {
    const Batch batch = BuildBatch(*builder, stage_.dataset, 8 * step, 8, step);
    EXPECT_EQ(TrainStep(*task, *train_.backbone, batch, 0.05),
              TrainStep(*copy, *resumed.backbone, batch, 0.05));
  }
}

// Compares the same four batches, which are the whole set. The very first step is left out: moco's queue is
// still random vectors then, which are too easy to tell apart.
TEST_P(TaskConformanceTest, LearnsAToySet) {
  const bool context = stage_.context.spec.has_context_prediction();
  // What lies next to what is learnt late, from patches of seven pixels above all.
  const int64_t steps = context ? 150 : 30;
  if (context) stage_.context.spec.mutable_context_prediction()->set_color(v1::ContextPredictionSpec::KEEP);
  const auto builder = MakeBuilder();
  const auto task = MakeTask();
  double first = 0, last = 0;
  for (int64_t step = 0; step < steps; ++step) {
    const Batch batch = BuildBatch(*builder, stage_.dataset, 16 * step, 16, step, step / 4);
    const double loss = TrainStep(*task, *train_.backbone, batch, 0.15);
    if (step >= 1 && step <= 4) first += loss / 4;
    if (step >= steps - 4) last += loss / 4;
  }
  EXPECT_LT(last, 0.97 * first) << "from " << first << " to " << last;
}

INSTANTIATE_TEST_SUITE_P(EveryTask, TaskConformanceTest, ::testing::ValuesIn(Tasks()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace pretext
