#include "worker/data/subset_dataset.h"

#include "gmock/gmock.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

// Picture i is one pixel of value i and of class i % 2.
class Numbers final : public Dataset {
 public:
  int64_t size() const override { return 10; }
  absl::StatusOr<Image> Load(int64_t index) const override {
    if (index == 7) return absl::DataLossError("number 7 is broken");
    return Image{1, 1, 1, {static_cast<uint8_t>(index)}};
  }
  int32_t label(int64_t index) const override { return static_cast<int32_t>(index % 2); }
  std::string name(int64_t index) const override { return std::to_string(index); }
  int channels() const override { return 1; }
  const std::vector<std::string>& class_names() const override { return names_; }

 private:
  std::vector<std::string> names_ = {"even", "odd"};
};

TEST(SubsetDatasetTest, ShowsTheChosenPicturesInTheirOrder) {
  const Numbers numbers;
  const SubsetDataset subset(&numbers, {8, 3, 3, 7});
  EXPECT_EQ(subset.size(), 4);
  ASSERT_OK_AND_ASSIGN(const Image first, subset.Load(0));
  EXPECT_THAT(first.pixels, ::testing::ElementsAre(8));
  EXPECT_EQ(subset.label(0), 0);
  EXPECT_EQ(subset.label(2), 1);
  EXPECT_EQ(subset.name(2), "3");
  EXPECT_EQ(subset.channels(), 1);
  EXPECT_THAT(subset.class_names(), ::testing::ElementsAre("even", "odd"));
}

TEST(SubsetDatasetTest, PassesOnWhatIsWrongWithAPicture) {
  const Numbers numbers;
  EXPECT_THAT(SubsetDataset(&numbers, {7}).Load(0).status(),
              StatusIs(absl::StatusCode::kDataLoss, ::testing::HasSubstr("7")));
}

}  // namespace
}  // namespace pretext
