#include "worker/stages/unlabelled_pictures.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "proto/cpp/status_matchers.h"
#include "proto/cpp/task_defaults.h"
#include "worker/data/batch_loader.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

constexpr int kSide = 8;

// Grey pictures of one value each, their index; some are broken. Whoever asks for a label fails the test.
class Flat final : public Dataset {
 public:
  explicit Flat(int64_t size, std::set<int64_t> broken = {}) : size_(size), broken_(std::move(broken)) {}
  int64_t size() const override { return size_; }
  absl::StatusOr<Image> Load(int64_t index) const override {
    if (broken_.count(index)) return absl::DataLossError(name(index) + " is cut short");
    return Image{kSide, kSide, 1, std::vector<uint8_t>(kSide * kSide, static_cast<uint8_t>(index))};
  }
  int32_t label(int64_t index) const override {
    ADD_FAILURE() << "the label of unlabelled picture " << index << " was read";
    return 0;
  }
  std::string name(int64_t index) const override { return "flat#" + std::to_string(index); }
  int channels() const override { return 1; }
  const std::vector<std::string>& class_names() const override {
    ADD_FAILURE() << "the classes of unlabelled pictures were read";
    return names_;
  }

 private:
  int64_t size_;
  std::set<int64_t> broken_;
  std::vector<std::string> names_;
};

// The labelled pictures beside them.
class Labelled final : public Dataset {
 public:
  int64_t size() const override { return 10; }
  absl::StatusOr<Image> Load(int64_t index) const override {
    return Image{1, 1, 1, {static_cast<uint8_t>(index)}};
  }
  int32_t label(int64_t index) const override { return static_cast<int32_t>(index % 2); }
  std::string name(int64_t index) const override { return std::to_string(index); }
  int channels() const override { return 1; }
  const std::vector<std::string>& class_names() const override { return names_; }

 private:
  std::vector<std::string> names_ = {"a", "b"};
};

UnlabelledPicturesOptions OptionsOf(const Dataset& dataset, int ratio = 3) {
  UnlabelledPicturesOptions options;
  options.dataset = &dataset;
  options.labelled = 10;
  options.ratio = ratio;
  options.image_size = kSide;
  options.augment = DefaultFinetuneAugment();
  options.copy_augment = DefaultFinetuneAugment();
  options.copy_augment.set_solarize_probability(1);
  return options;
}

RngKey KeyOf(uint32_t epoch, uint64_t sample) {
  RngKey key;
  key.seed = 5;
  key.stage = 1;
  key.epoch = epoch;
  key.sample = sample;
  return key;
}

TEST(UnlabelledPicturesTest, ComeAllOnceBeforeAnyComesAgain) {
  const Flat dataset(60);
  const UnlabelledPictures pictures(OptionsOf(dataset));
  std::map<int64_t, int> drawn;
  std::vector<std::vector<int64_t>> passes(2);
  for (uint32_t epoch = 0; epoch < 4; ++epoch) {
    for (uint64_t sample = 0; sample < 10; ++sample) {
      for (int number = 0; number < 3; ++number) {
        const int64_t index = pictures.IndexOf(KeyOf(epoch, sample), number);
        ++drawn[index];
        passes[epoch / 2].push_back(index);
      }
    }
    // Epochs of 30 draws: each once after two of them.
    EXPECT_EQ(drawn.size(), epoch == 0 ? 30 : 60);
  }
  for (const auto& [index, times] : drawn) EXPECT_EQ(times, 2) << index;
  EXPECT_NE(passes[0], passes[1]);
  EXPECT_FALSE(std::is_sorted(passes[0].begin(), passes[0].end()));
}

TEST(UnlabelledPicturesTest, WritesEachPictureAsItIsAndChanged) {
  const Flat dataset(60);
  UnlabelledPictures pictures(OptionsOf(dataset));
  const BatchLayout layout = pictures.layout();
  ASSERT_EQ(layout.size(), 2);
  EXPECT_THAT(layout[0].shape, ::testing::ElementsAre(3, kSide, kSide, 1));
  std::vector<uint8_t> plain(layout[0].bytes()), copies(layout[1].bytes());
  uint8_t* fields[] = {plain.data(), copies.data()};
  pictures.Render(KeyOf(2, 7), ExampleSlot(fields, layout));
  for (int number = 0; number < 3; ++number) {
    const int64_t value = pictures.IndexOf(KeyOf(2, 7), number);
    EXPECT_EQ(plain[number * kSide * kSide], value);
    EXPECT_EQ(plain[(number + 1) * kSide * kSide - 1], value);
    EXPECT_EQ(copies[number * kSide * kSide], value < 128 ? value : 255 - value);
  }
  EXPECT_OK(pictures.status());
}

// Every byte of the batches of `steps`, as so many ranks with so many threads see them together.
std::string Bytes(const Dataset& dataset, int ranks, int threads, int64_t first_step) {
  const Labelled labelled;
  UnlabelledPictures pictures(OptionsOf(dataset));
  std::map<int64_t, std::string> by_step;
  for (int rank = 0; rank < ranks; ++rank) {
    SamplerSpec sampler;
    sampler.seed = 5;
    sampler.dataset_size = 10;
    sampler.global_batch = 4;
    sampler.world_size = ranks;
    sampler.rank = rank;
    BatchLoaderOptions options;
    options.threads = threads;
    options.first_step = first_step;
    options.last_step = 7;
    BatchLoader loader(
        &labelled, sampler, pictures.layout(),
        [&](const Sample&, const RngKey& key, const ExampleSlot& slot) { pictures.Render(key, slot); },
        options, RealClock());
    for (int64_t step = first_step; step < 7; ++step) {
      const absl::StatusOr<LoadedBatch> batch = loader.Next();
      EXPECT_OK(batch);
      for (int64_t i = 0; i < batch->size; ++i) {
        for (const uint8_t* field : batch->fields) {
          const int64_t bytes = pictures.layout()[0].bytes();
          by_step[step].append(reinterpret_cast<const char*>(field + i * bytes), bytes);
        }
      }
    }
  }
  std::string all;
  for (const auto& [step, bytes] : by_step) all += bytes;
  return all;
}

TEST(UnlabelledPicturesTest, DependNeitherOnThreadsNorOnRanksNorOnWhereARunGoesOn) {
  const Flat dataset(100);
  const std::string one = Bytes(dataset, /*ranks=*/1, /*threads=*/1, /*first_step=*/0);
  EXPECT_TRUE(Bytes(dataset, 1, 3, 0) == one);
  EXPECT_TRUE(Bytes(dataset, 2, 2, 0) == one);
  EXPECT_TRUE(Bytes(dataset, 1, 1, 4) == one.substr(one.size() / 7 * 4));
}

TEST(UnlabelledPicturesTest, ABrokenOneIsNamedAndReplaced) {
  const Flat dataset(60, {12});
  UnlabelledPicturesOptions options = OptionsOf(dataset);
  options.max_broken_share = 0.1;
  UnlabelledPictures pictures(options);
  const BatchLayout layout = pictures.layout();
  std::vector<uint8_t> plain(layout[0].bytes()), copies(layout[1].bytes());
  uint8_t* fields[] = {plain.data(), copies.data()};
  std::multiset<int> seen;
  for (uint32_t epoch = 0; epoch < 2; ++epoch) {
    for (uint64_t sample = 0; sample < 10; ++sample) {
      pictures.Render(KeyOf(epoch, sample), ExampleSlot(fields, layout));
      for (int number = 0; number < 3; ++number) seen.insert(plain[number * kSide * kSide]);
    }
  }
  EXPECT_OK(pictures.status());
  EXPECT_EQ(seen.count(12), 0);
  EXPECT_EQ(seen.count(13), 2);
  EXPECT_THAT(pictures.broken(), ::testing::ElementsAre("flat#12 is cut short"));
}

TEST(UnlabelledPicturesTest, TooManyBrokenOnesAreAnError) {
  const Flat dataset(20, {1, 2, 3, 4, 5, 6});
  UnlabelledPictures pictures(OptionsOf(dataset));
  const BatchLayout layout = pictures.layout();
  std::vector<uint8_t> plain(layout[0].bytes()), copies(layout[1].bytes());
  uint8_t* fields[] = {plain.data(), copies.data()};
  for (uint64_t sample = 0; sample < 10; ++sample) {
    pictures.Render(KeyOf(0, sample), ExampleSlot(fields, layout));
  }
  EXPECT_THAT(pictures.status(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("max_broken_share")));
}

}  // namespace
}  // namespace pretext
