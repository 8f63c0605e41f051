#ifndef PRETEXT_WORKER_TASKS_TOY_STAGE_H_
#define PRETEXT_WORKER_TASKS_TOY_STAGE_H_

#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pretext/v1/job.pb.h"
#include "proto/cpp/defaults.h"
#include "worker/tasks/registry.h"

namespace pretext {

// Pictures with an up and a down: sky over darker ground and a disc somewhere, each in one of many colours,
// all darkening downwards. Each depends on its index alone. Tests only.
class ToyDataset : public Dataset {
 public:
  ToyDataset(int64_t size, int side, int channels = 3) : size_(size), side_(side), channels_(channels) {}

  int64_t size() const override { return size_; }
  absl::StatusOr<Image> Load(int64_t index) const override {
    RngKey key;
    key.sample = index;
    Rng rng(key);
    const double disc_x = rng.Uniform(0.2, 0.8) * side_, disc_y = rng.Uniform(0.2, 0.8) * side_;
    const double radius = rng.Uniform(0.1, 0.25) * side_;
    double sky[3], ground[3], disc[3];
    for (double* color : {sky, ground, disc}) {
      for (int c = 0; c < 3; ++c) color[c] = rng.Uniform(0, color == ground ? 128 : 255);
    }
    Image image{side_, side_, channels_, {}};
    for (int y = 0; y < side_; ++y) {
      for (int x = 0; x < side_; ++x) {
        const double depth = static_cast<double>(y) / side_;
        const bool in_disc = std::hypot(x - disc_x, y - disc_y) < radius;
        const double* color = in_disc ? disc : depth < 0.5 ? sky : ground;
        for (int c = 0; c < channels_; ++c) {
          image.pixels.push_back(static_cast<uint8_t>(color[c] * (1 - 0.5 * depth) * rng.Uniform(0.95, 1.0)));
        }
      }
    }
    return image;
  }
  int32_t label(int64_t index) const override { return static_cast<int32_t>(index % 3); }
  std::string name(int64_t index) const override { return absl::StrCat("toy#", index); }
  int channels() const override { return channels_; }
  const std::vector<std::string>& class_names() const override { return names_; }

 private:
  int64_t size_;
  int side_, channels_;
  std::vector<std::string> names_ = {"a", "b", "c"};
};

// A task's spec with every default filled in, as the coordinator hands it over.
inline v1::TaskSpec WithDefaults(const v1::TaskSpec& task, int image_size) {
  v1::JobSpec job;
  v1::PretrainStage* stage = job.add_stages()->mutable_pretrain();
  stage->set_image_size(image_size);
  *stage->add_tasks() = task;
  ApplyDefaults(&job);
  return job.stages(0).pretrain().tasks(0);
}

// The spec of a task by its name, nothing but defaults.
inline v1::TaskSpec SpecOf(absl::string_view name, int image_size) {
  v1::TaskSpec task;
  const auto* field = v1::TaskSpec::descriptor()->FindFieldByName(std::string(name));
  task.GetReflection()->MutableMessage(&task, field);
  return WithDefaults(task, image_size);
}

// A small pretraining stage; its task has every value. Pointers in its context are its own, so it stays where
// it is made. Tests only.
struct ToyStage {
  explicit ToyStage(v1::TaskSpec spec, int side = 16, int64_t pictures = 64, int channels = 3)
      : dataset(pictures, side, channels) {
    facts.pictures = pictures;
    facts.channels = channels;
    context.spec = std::move(spec);
    context.image_size = side;
    context.dataset = &dataset;
    context.facts = &facts;
    context.seed = 7;
    context.micro_batch_size = 8;
    context.steps = 100;
    const TaskSizes sizes{side, pictures, context.micro_batch_size, context.steps};
    const auto resolved = (*FindTask(context.spec))->resolve(sizes, &context.spec);
    EXPECT_TRUE(resolved.ok()) << resolved.status();
  }
  ToyStage(const ToyStage&) = delete;
  ToyStage& operator=(const ToyStage&) = delete;

  ToyDataset dataset;
  DatasetFacts facts;
  TaskContext context;
};

// The smallest backbone, with the same weights every time.
inline Backbone ToyBackbone(int bn_groups = 1, int channels = 3) {
  at::manual_seed(3);
  BackboneOptions options;
  options.name = "resnet10_narrow";
  options.in_channels = channels;
  options.small_stem = true;
  options.bn_groups = bn_groups;
  return *MakeBackbone(options);
}

inline at::ScalarType ScalarTypeOf(ElementType type) {
  return type == ElementType::kUint8 ? at::kByte : type == ElementType::kFloat32 ? at::kFloat : at::kLong;
}

// The examples of the pictures `first` .. `first` + count - 1 in epoch `epoch`. `label` is given to the
// builder in place of the pictures' own.
inline Batch BuildBatch(const ViewBuilder& builder, const Dataset& dataset, int64_t first, int64_t count,
                        int64_t step = 0, uint32_t epoch = 0, int32_t label = -1) {
  Batch batch;
  batch.step = step;
  for (const Field& field : builder.layout()) {
    std::vector<int64_t> shape = {count};
    shape.insert(shape.end(), field.shape.begin(), field.shape.end());
    batch.fields.push_back(at::empty(shape, ScalarTypeOf(field.type)));
  }
  for (int64_t i = 0; i < count; ++i) {
    const int64_t index = (first + i) % dataset.size();
    const Image image = *dataset.Load(index);
    std::vector<uint8_t*> memory;
    for (size_t f = 0; f < batch.fields.size(); ++f) {
      memory.push_back(static_cast<uint8_t*>(batch.fields[f].mutable_data_ptr()) +
                       i * builder.layout()[f].bytes());
    }
    RngKey key;
    key.seed = 7;
    key.epoch = epoch;
    key.sample = index;
    builder.Build({&image, index, label}, key, ExampleSlot(memory, builder.layout()));
    batch.indices.push_back(index);
  }
  return batch;
}

// Part of a batch: examples first .. first + count - 1.
inline Batch Slice(const Batch& batch, int64_t first, int64_t count) {
  Batch part = batch;
  for (at::Tensor& field : part.fields) field = field.narrow(0, first, count);
  part.indices.assign(batch.indices.begin() + first, batch.indices.begin() + first + count);
  return part;
}

// One step of plain gradient descent; the loss before it, or while the task prepares its first metric.
inline double TrainStep(PretextTask& task, BackboneModule& backbone, const Batch& batch, double rate) {
  const absl::StatusOr<TaskOutput> output = task.Loss(batch);
  EXPECT_TRUE(output.ok()) << output.status();
  if (output->loss.defined()) output->loss.backward();
  at::NoGradGuard no_grad;
  for (torch::nn::Module* module : {static_cast<torch::nn::Module*>(&backbone), &task.module()}) {
    for (at::Tensor& parameter : module->parameters()) {
      if (!parameter.grad().defined()) continue;
      parameter.sub_(parameter.grad(), rate);
      parameter.mutable_grad().reset();
    }
  }
  task.AfterOptimizerStep({batch.step, 100});
  return (output->loss.defined() ? output->loss : output->metrics.front().second).item<double>();
}

inline double Metric(const TaskOutput& output, absl::string_view name) {
  for (const auto& [key, value] : output.metrics) {
    if (key == name) return value.item<double>();
  }
  ADD_FAILURE() << "no metric " << name;
  return NAN;
}

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_TOY_STAGE_H_
