#include "worker/stages/labelled_split.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Pictures with these class names; an empty one is not labelled.
class Labels final : public Dataset {
 public:
  Labels(std::vector<std::string> classes, std::vector<int32_t> labels)
      : classes_(std::move(classes)), labels_(std::move(labels)) {}
  int64_t size() const override { return static_cast<int64_t>(labels_.size()); }
  absl::StatusOr<Image> Load(int64_t index) const override { return Image{1, 1, 1, {0}}; }
  int32_t label(int64_t index) const override { return labels_[index]; }
  std::string name(int64_t index) const override { return absl::StrCat(index); }
  int channels() const override { return 1; }
  const std::vector<std::string>& class_names() const override { return classes_; }

 private:
  std::vector<std::string> classes_;
  std::vector<int32_t> labels_;
};

std::vector<int32_t> Repeat(int32_t label, int count) { return std::vector<int32_t>(count, label); }

std::vector<int32_t> Join(std::vector<std::vector<int32_t>> parts) {
  std::vector<int32_t> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

TEST(LabelledPicturesTest, LeavesOutTheOnesWithoutLabel) {
  EXPECT_THAT(LabelledPictures(Labels({"a", "b"}, {-1, 1, -1, 0})), ElementsAre(1, 3));
}

TEST(HoldOutTest, TakesAShareOfEachClass) {
  const Labels data({"a", "b"}, Join({Repeat(0, 40), Repeat(-1, 5), Repeat(1, 20)}));
  const LabelledSplit split = HoldOut(data, /*share=*/10);
  std::map<int32_t, int> held;
  for (const int64_t index : split.held_out) ++held[data.label(index)];
  EXPECT_THAT(held, ElementsAre(std::make_pair(0, 4), std::make_pair(1, 2)));
  EXPECT_EQ(split.kept.size(), 54);
  const LabelledSplit again = HoldOut(data, /*share=*/10);
  EXPECT_EQ(split.held_out, again.held_out);
}

TEST(HoldOutTest, TakesOneOfASmallClassAndNoneOfAClassOfOne) {
  const LabelledSplit split = HoldOut(Labels({"a", "b"}, {0, 0, 1}), /*share=*/10);
  EXPECT_EQ(split.held_out.size(), 1);
  EXPECT_THAT(split.kept, ::testing::Contains(2));
}

TEST(JoinJudgedDataTest, NumbersTestClassesAsTheTrainingDataDo) {
  const Labels train({"cat", "dog", "owl"}, {0, 1, 2});
  const Labels test({"dog", "owl"}, {1, 0, -1});
  ASSERT_OK_AND_ASSIGN(const JudgedData data, JoinJudgedData(train, &test, 10));
  EXPECT_THAT(data.test_indices, ElementsAre(0, 1));
  EXPECT_THAT(data.test_labels, ElementsAre(2, 1));
}

TEST(JoinJudgedDataTest, RefusesTestPicturesOfUnknownClassesByName) {
  const Labels train({"cat", "dog"}, {0, 1});
  const Labels test({"cat", "gnu"}, {0, 1});
  EXPECT_THAT(JoinJudgedData(train, &test, 10).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, AllOf(HasSubstr("gnu"), HasSubstr("cat, dog"))));
}

TEST(JoinJudgedDataTest, NamesAFewOfManyUnknownClassesAndCountsTheRest) {
  std::vector<std::string> classes;
  std::vector<int32_t> labels;
  for (int i = 1000; i < 2000; ++i) {
    labels.push_back(static_cast<int32_t>(classes.size()));
    classes.push_back(absl::StrCat("class", i));
  }
  const Labels test(classes, labels);
  for (std::string& name : classes) name += "x";
  const std::string message(JoinJudgedData(Labels(classes, labels), &test, 10).status().message());
  EXPECT_THAT(message, AllOf(HasSubstr("class1000, class1001, class1002, class1003, class1004 and 995 more"),
                             HasSubstr("class1004x and 995 more")));
}

TEST(JoinJudgedDataTest, AllowsClassesThatOnlyUnlabelledTestPicturesWouldHave) {
  const Labels train({"cat", "dog"}, {0, 1});
  const Labels test({"cat", "gnu"}, {0, -1});
  EXPECT_OK(JoinJudgedData(train, &test, 10).status());
}

TEST(JoinJudgedDataTest, RefusesASingleClass) {
  const Labels train({"cat"}, {0, 0, 0});
  EXPECT_THAT(JoinJudgedData(train, nullptr, 10).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("two or more")));
}

TEST(SampleJudgedTest, KeepsAThirdToJudgeByAndItsLabels) {
  const Labels train({"cat", "dog"}, Join({Repeat(0, 300), Repeat(1, 300)}));
  ASSERT_OK_AND_ASSIGN(const JudgedData whole, JoinJudgedData(train, nullptr, 3));
  const JudgedData sample = SampleJudged(whole, 90);
  EXPECT_EQ(sample.train_indices.size(), 60);
  EXPECT_EQ(sample.test_indices.size(), 30);
  for (size_t i = 0; i < sample.test_indices.size(); ++i) {
    EXPECT_EQ(sample.test_labels[i], train.label(sample.test_indices[i]));
  }
  EXPECT_EQ(SampleJudged(whole, 90).train_indices, sample.train_indices);
  EXPECT_EQ(SampleJudged(whole, 3000).train_indices, whole.train_indices);
}

TEST(JoinJudgedDataTest, HoldsPicturesOutWhenThereAreNoTestData) {
  const Labels train({"cat", "dog"}, Join({Repeat(0, 10), Repeat(1, 10)}));
  ASSERT_OK_AND_ASSIGN(const JudgedData data, JoinJudgedData(train, nullptr, 5));
  EXPECT_EQ(data.train_indices.size(), 16);
  EXPECT_EQ(data.test_indices.size(), 4);
  EXPECT_THAT(data.protocol, HasSubstr("a fifth of each class held out: 4 pictures"));
}

}  // namespace
}  // namespace pretext
