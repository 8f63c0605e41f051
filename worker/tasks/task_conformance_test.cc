// What every pretext task keeps, run over the whole registry.

#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "proto/cpp/consistency_spec.h"
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
    if (stage_.context.spec.has_spot_artifacts()) stage_.context.spec.mutable_spot_artifacts()->set_width(4);
    train_.backbone = ToyBackbone(/*bn_groups=*/2);
    train_.process_group = &group_;
  }

  std::unique_ptr<ViewBuilder> MakeBuilder() { return *GetParam().make_view_builder(stage_.context); }
  std::unique_ptr<PretextTask> MakeTask() {
    at::manual_seed(5);
    return *GetParam().make_task(stage_.context, train_);
  }

  // The first eight pictures, in the first step in which the task has a loss.
  Batch FirstBatch(const PretextTask& task) {
    return BuildBatch(*MakeBuilder(), stage_.dataset, 0, 8, task.preparing_steps());
  }

  // Everything the backbone and the task keep, by name.
  std::map<std::string, at::Tensor> State(PretextTask& task) const {
    std::map<std::string, at::Tensor> state;
    const std::pair<std::string, torch::nn::Module*> modules[] = {{"backbone.", train_.backbone.get()},
                                                                  {"task.", &task.module()}};
    for (const auto& [prefix, module] : modules) {
      for (const auto& item : module->named_parameters()) state[prefix + item.key()] = item.value().clone();
      for (const auto& item : module->named_buffers()) state[prefix + item.key()] = item.value().clone();
    }
    return state;
  }

  const int side_;
  ToyStage stage_;
  ThreadProcessGroup group_;
  TrainContext train_;
};

// Of what trains: a momentum encoder's are its own.
bool IsRunningStatistic(const std::string& name) {
  return !absl::StrContains(name, "key_encoder") &&
         (absl::StrContains(name, "running_") || absl::StrContains(name, "num_batches_tracked"));
}

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
  ASSERT_OK_AND_ASSIGN(const TaskOutput output, task->Loss(FirstBatch(*task)));
  // Of tasks that give pictures back it is the variance of the whole data, and a batch has its own.
  const v1::TaskSpec& spec = stage_.context.spec;
  const bool gives_back = spec.has_autoencoder() || spec.has_denoising() || spec.has_inpainting();
  const double tolerance = gives_back ? 0.5 : 1e-4;
  EXPECT_NEAR(output.loss.item<double>(), task->chance_loss(), tolerance);
}

TEST_P(TaskConformanceTest, KeepsItsOutputsPromises) {
  const auto task = MakeTask();
  ASSERT_OK_AND_ASSIGN(const TaskOutput output, task->Loss(FirstBatch(*task)));
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

TEST_P(TaskConformanceTest, WhatPixelsAreAskedIsWhatTheLossIsOf) {
  const auto task = MakeTask();
  const auto before = State(*task);
  const std::optional<PixelQuestion> question =
      task->AskOfPixels(BuildBatch(*MakeBuilder(), stage_.dataset, 0, 8));
  for (const auto& [name, value] : State(*task)) EXPECT_TRUE(at::equal(value, before.at(name))) << name;
  if (!question.has_value()) return;
  EXPECT_NEAR(std::log(question->classes), task->chance_loss(), 1e-9);
  ASSERT_EQ(question->pictures.dim(), 5);
  EXPECT_TRUE(question->pictures.is_floating_point());
  EXPECT_EQ(question->pictures.size(0) % 8, 0);
  EXPECT_EQ(question->answers.sizes(), at::IntArrayRef({question->pictures.size(0)}));
  EXPECT_GE(question->answers.min().item<int64_t>(), 0);
  EXPECT_LT(question->answers.max().item<int64_t>(), question->classes);
}

TEST_P(TaskConformanceTest, AnswersAsItsLossDoes) {
  const auto task = MakeTask();
  const Batch batch = FirstBatch(*task);
  ASSERT_OK_AND_ASSIGN(const Answers answers, task->Answer(batch));
  ASSERT_OK_AND_ASSIGN(const TaskOutput output, task->Loss(batch));
  EXPECT_TRUE(at::equal(answers.features, output.features));
  EXPECT_TRUE(answers.features.requires_grad());
  EXPECT_EQ(answers.predictions.defined(), task->predicts() != PredictionKind::kNone);
  ASSERT_EQ(answers.predictions.defined(), output.predictions.defined());
  if (!answers.predictions.defined()) return;
  EXPECT_TRUE(at::equal(answers.predictions, output.predictions));
  EXPECT_TRUE(answers.predictions.requires_grad());
  EXPECT_EQ(answers.predictions.size(0), 8);
  if (task->predicts() == PredictionKind::kLogits) {
    ASSERT_GE(answers.predictions.dim(), 2);
    EXPECT_GE(answers.predictions.size(1), 2);
  }
}

// Whoever asks may ask about anything, and the run must go on as if nobody had: in training only the running
// statistics of batch normalisation move, in evaluation nothing.
TEST_P(TaskConformanceTest, ChangesNothingWhenAsked) {
  const auto task = MakeTask();
  const Batch batch = FirstBatch(*task);
  for (const bool training : {true, false}) {
    train_.backbone->train(training);
    task->module().train(training);
    const auto before = State(*task);
    ASSERT_OK_AND_ASSIGN(const Answers answers, task->Answer(batch));
    EXPECT_EQ(answers.features.sizes(), at::IntArrayRef({8, train_.backbone->feature_size()}));
    for (const auto& [name, value] : State(*task)) {
      if (training && IsRunningStatistic(name)) continue;
      EXPECT_TRUE(at::equal(value, before.at(name))) << name;
    }
  }
}

// Consistency compares what the backbone makes of a picture in Loss with what it makes of a copy in Answer.
TEST_P(TaskConformanceTest, ShowsTheBackboneTheSameFirstInLossAndInAnswer) {
  const auto task = MakeTask();
  const Batch batch = FirstBatch(*task);
  train_.backbone->Watch();
  ASSERT_OK(task->Answer(batch));
  const std::vector<at::Tensor> answered = train_.backbone->TakeSeen();
  train_.backbone->Watch();
  ASSERT_OK(task->Loss(batch));
  const std::vector<at::Tensor> trained = train_.backbone->TakeSeen();
  ASSERT_EQ(answered.size(), 4);
  ASSERT_EQ(trained.size(), 4);
  EXPECT_EQ(answered[3].size(0) % 8, 0);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(at::equal(answered[i], trained[i])) << i;
}

// The coordinator refuses what a stage's tasks cannot be compared by without making them.
TEST_P(TaskConformanceTest, PredictsWhatSpecificationsAreCheckedBy) {
  const TaskPrediction said = PredictionOf(GetParam().kind);
  const PredictionKind kind = MakeTask()->predicts();
  EXPECT_EQ(said == TaskPrediction::kClasses, kind == PredictionKind::kLogits);
  EXPECT_EQ(said == TaskPrediction::kValues, kind == PredictionKind::kValues);
}

TEST_P(TaskConformanceTest, TrainsOnAsIfNobodyHadAsked) {
  const auto builder = MakeBuilder();
  const auto asked = MakeTask();
  TrainContext other = train_;
  other.backbone = ToyBackbone(/*bn_groups=*/2);
  at::manual_seed(5);
  ASSERT_OK_AND_ASSIGN(const auto left_alone, GetParam().make_task(stage_.context, other));
  for (int64_t step = 0; step < 3; ++step) {
    const Batch batch = BuildBatch(*builder, stage_.dataset, 8 * step, 8, step);
    ASSERT_OK(asked->Answer(batch));
    EXPECT_EQ(TrainStep(*asked, *train_.backbone, batch, 0.05),
              TrainStep(*left_alone, *other.backbone, batch, 0.05));
  }
}

TEST_P(TaskConformanceTest, ComputesItsLossInFullPrecisionUnderAutocast) {
  const auto task = MakeTask();
  const auto full = MakeTask();  // moco's losses differ by the state they leave
  const Batch batch = FirstBatch(*task);
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
  ToyStage gray(stage_.context.spec, side_, 64, /*channels=*/1);
  const absl::Status checked = GetParam().check(gray.context);
  if (!checked.ok()) {
    EXPECT_THAT(checked, StatusIs(absl::StatusCode::kInvalidArgument, ::testing::HasSubstr("grey")));
    return;
  }
  TrainContext train = train_;
  train.backbone = ToyBackbone(/*bn_groups=*/2, /*channels=*/1);
  ASSERT_OK_AND_ASSIGN(const auto builder, GetParam().make_view_builder(gray.context));
  ASSERT_OK_AND_ASSIGN(const auto task, GetParam().make_task(gray.context, train));
  ASSERT_OK_AND_ASSIGN(const TaskOutput output,
                       task->Loss(BuildBatch(*builder, gray.dataset, 0, 8, task->preparing_steps())));
  EXPECT_TRUE(std::isfinite(output.loss.item<double>()));
}

// Data-parallel training needs it: a parameter without gradient never becomes ready.
TEST_P(TaskConformanceTest, GivesAGradientToEveryTrainedParameter) {
  const auto task = MakeTask();
  ASSERT_OK_AND_ASSIGN(const TaskOutput output, task->Loss(FirstBatch(*task)));
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
  ASSERT_OK_AND_ASSIGN(const TaskOutput output, task->Loss(FirstBatch(*task)));
  (output.loss * 0).backward();
  for (const at::Tensor& parameter : train_.backbone->parameters()) {
    EXPECT_EQ(parameter.grad().abs().max().item<double>(), 0);
  }
}

// A checkpoint holds the module's parameters and buffers and the backbone's, and nothing else. Of a task that
// prepares the first steps are its last without a loss and its first with one.
TEST_P(TaskConformanceTest, ContinuesFromItsModuleAsIfNeverInterrupted) {
  const auto builder = MakeBuilder();
  const auto task = MakeTask();
  const int64_t first = std::max<int64_t>(0, task->preparing_steps() - 2);
  for (int64_t step = first; step < first + 3; ++step) {
    TrainStep(*task, *train_.backbone, BuildBatch(*builder, stage_.dataset, 8 * step, 8, step), 0.05);
  }

  TrainContext resumed = train_;
  resumed.backbone = ToyBackbone(/*bn_groups=*/2);
  at::manual_seed(99);
  ASSERT_OK_AND_ASSIGN(const auto copy, GetParam().make_task(stage_.context, resumed));
  CopyState(*train_.backbone, *resumed.backbone);
  CopyState(task->module(), copy->module());

  for (int64_t step = first + 3; step < first + 6; ++step) {
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
  const int64_t begin = task->preparing_steps(), end = begin + steps;
  for (int64_t step = 0; step < end; ++step) {
    const Batch batch = BuildBatch(*builder, stage_.dataset, 16 * step, 16, step, step / 4);
    const double loss = TrainStep(*task, *train_.backbone, batch, 0.15);
    if (step > begin && step <= begin + 4) first += loss / 4;
    if (step >= end - 4) last += loss / 4;
  }
  EXPECT_LT(last, 0.97 * first) << "from " << first << " to " << last;
}

INSTANTIATE_TEST_SUITE_P(EveryTask, TaskConformanceTest, ::testing::ValuesIn(Tasks()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace pretext
