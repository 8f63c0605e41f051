#include "worker/data/batch_loader.h"

#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Pictures of one pixel that holds the index; some are broken.
class CountingDataset final : public Dataset {
 public:
  explicit CountingDataset(int64_t size, std::set<int64_t> broken = {})
      : size_(size), broken_(std::move(broken)) {}
  int64_t size() const override { return size_; }
  absl::StatusOr<Image> Load(int64_t index) const override {
    if (broken_.count(index)) return absl::DataLossError(name(index) + ": cut short");
    return Image{1, 1, 1, {static_cast<uint8_t>(index)}};
  }
  int32_t label(int64_t index) const override { return static_cast<int32_t>(index % 3); }
  std::string name(int64_t index) const override { return "picture" + std::to_string(index); }
  int channels() const override { return 1; }
  const std::vector<std::string>& class_names() const override { return names_; }

 private:
  int64_t size_;
  std::set<int64_t> broken_;
  std::vector<std::string> names_ = {"a", "b", "c"};
};

BatchLayout Layout() { return {{"pixel", ElementType::kUint8, {1}}, {"draws", ElementType::kInt64, {2}}}; }

void Build(const Sample& sample, const RngKey& key, const ExampleSlot& slot) {
  slot.field<uint8_t>(0)[0] = sample.image->pixels[0];
  Rng rng(key);
  slot.field<int64_t>(1)[0] = static_cast<int64_t>(rng.NextUint32());
  slot.field<int64_t>(1)[1] = sample.label;
}

SamplerSpec Spec() {
  SamplerSpec spec;
  spec.seed = 5;
  spec.dataset_size = 50;
  spec.global_batch = 8;
  return spec;
}

// Every byte of all batches from `first_step` on.
std::string Bytes(const Dataset& dataset, const SamplerSpec& sampler, int threads, int64_t first_step,
                  int64_t last_step) {
  BatchLoaderOptions options;
  options.threads = threads;
  options.first_step = first_step;
  options.last_step = last_step;
  options.max_broken_share = 0.5;
  BatchLoader loader(&dataset, sampler, Layout(), &Build, options, RealClock());
  std::string bytes;
  while (true) {
    absl::StatusOr<LoadedBatch> batch = loader.Next();
    if (!batch.ok()) {
      EXPECT_THAT(batch, StatusIs(absl::StatusCode::kOutOfRange));
      return bytes;
    }
    for (size_t i = 0; i < batch->fields.size(); ++i) {
      bytes.append(reinterpret_cast<const char*>(batch->fields[i]), Layout()[i].bytes() * batch->size);
    }
  }
}

TEST(BatchLoaderTest, ContentDoesNotDependOnTheNumberOfThreads) {
  const CountingDataset dataset(50);
  const std::string one = Bytes(dataset, Spec(), 1, 0, 20);
  EXPECT_EQ(one.size(), 20u * 8 * 17);
  EXPECT_EQ(Bytes(dataset, Spec(), 2, 0, 20), one);
  EXPECT_EQ(Bytes(dataset, Spec(), 4, 0, 20), one);
}

TEST(BatchLoaderTest, StartsAtAnyStep) {
  const CountingDataset dataset(50);
  const std::string all = Bytes(dataset, Spec(), 2, 0, 20);
  EXPECT_EQ(Bytes(dataset, Spec(), 2, 13, 20), all.substr(13u * 8 * 17));
}

TEST(BatchLoaderTest, MicroBatchesComeInOrder) {
  const CountingDataset dataset(50);
  SamplerSpec sampler = Spec();
  sampler.accumulation = 2;
  BatchLoaderOptions options;
  options.last_step = 2;
  BatchLoader loader(&dataset, sampler, Layout(), &Build, options, RealClock());
  for (int i = 0; i < 4; ++i) {
    ASSERT_OK_AND_ASSIGN(const LoadedBatch batch, loader.Next());
    EXPECT_EQ(batch.step, i / 2);
    EXPECT_EQ(batch.micro, i % 2);
    EXPECT_EQ(batch.size, 4);
    EXPECT_EQ(batch.indices, Sampler(sampler).Indices(i / 2, i % 2));
  }
}

TEST(BatchLoaderTest, ABrokenPictureIsNamedAndReplacedByTheNextReadableOne) {
  const CountingDataset dataset(50, {7, 8});
  BatchLoaderOptions options;
  options.last_step = 6;
  options.max_broken_share = 0.1;
  BatchLoader loader(&dataset, Spec(), Layout(), &Build, options, RealClock());
  int64_t replaced = 0;
  for (int i = 0; i < 6; ++i) {
    ASSERT_OK_AND_ASSIGN(const LoadedBatch batch, loader.Next());
    for (int64_t j = 0; j < batch.size; ++j) {
      const int64_t drawn = batch.indices[j];
      const bool broken = drawn == 7 || drawn == 8;
      replaced += broken;
      EXPECT_EQ(batch.fields[0][j], broken ? 9 : drawn);
    }
  }
  EXPECT_GT(replaced, 0);
  EXPECT_THAT(loader.broken(), ::testing::Each(HasSubstr("cut short")));
}

TEST(BatchLoaderTest, TooManyBrokenPicturesStopTheRunAndAreNamed) {
  const CountingDataset dataset(50, {1, 2, 3, 4});
  BatchLoaderOptions options;
  options.last_step = 60;
  options.max_broken_share = 0.03;
  BatchLoader loader(&dataset, Spec(), Layout(), &Build, options, RealClock());
  absl::Status status;
  for (int i = 0; i < 60 && status.ok(); ++i) status = loader.Next().status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss, AllOf(HasSubstr("2 of 50"), HasSubstr("picture"),
                                                                  HasSubstr("max_broken_share"))));
}

TEST(BatchLoaderTest, EndsWhileItsThreadsAreAhead) {
  const CountingDataset dataset(50);
  BatchLoaderOptions options;
  options.threads = 3;
  options.last_step = 1'000'000;
  BatchLoader loader(&dataset, Spec(), Layout(), &Build, options, RealClock());
  ASSERT_OK(loader.Next());
}

TEST(BatchLoaderTest, ABatchOutlivesItsLoader) {
  const CountingDataset dataset(50);
  BatchLoaderOptions options;
  options.last_step = 10;
  auto loader = std::make_unique<BatchLoader>(&dataset, Spec(), Layout(), &Build, options, RealClock());
  ASSERT_OK_AND_ASSIGN(LoadedBatch batch, loader->Next());
  const std::string before(reinterpret_cast<const char*>(batch.fields[0]), batch.size);
  loader.reset();
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(batch.fields[0]), batch.size), before);
}

}  // namespace
}  // namespace pretext
