#include "worker/report/earlier_rows.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

MetricsRow Row(const std::string& stage, int64_t step, double loss = 1) {
  MetricsRow row;
  row.stage = stage;
  row.step = step;
  row.values = {{stage + "/loss", loss}};
  return row;
}

// "a1 a2 b1": what is kept of the steps of a stage "a" followed by those of "b".
std::string Kept(EarlierRows& earlier, int64_t a_steps, int64_t b_steps) {
  std::string kept;
  for (int64_t step = 1; step <= a_steps; ++step) {
    if (earlier.Keep(Row("a", step))) absl::StrAppend(&kept, "a", step, " ");
  }
  for (int64_t step = 1; step <= b_steps; ++step) {
    if (earlier.Keep(Row("b", step))) absl::StrAppend(&kept, "b", step, " ");
  }
  return kept;
}

std::string Unsent(const EarlierRows& earlier) {
  std::string unsent;
  for (const MetricsRow& row : earlier.unsent()) absl::StrAppend(&unsent, row.stage, row.step, " ");
  return unsent;
}

TEST(EarlierRowsTest, KeepsWhatIsBeforeTheStep) {
  EarlierRows earlier("b", 2, {});
  EXPECT_EQ(Kept(earlier, 3, 4), "a1 a2 a3 b1 b2 ");
  EXPECT_THAT(earlier.stages(), ElementsAre("a", "b"));
  EXPECT_THAT(earlier.told(), ElementsAre("b/loss"));
}

TEST(EarlierRowsTest, AStageThatGoesBackSupersedesTheStagesAfterIt) {
  EarlierRows earlier("a", 2, {});
  EXPECT_EQ(Kept(earlier, 4, 3), "a1 a2 ");
  EXPECT_THAT(earlier.stages(), ElementsAre("a"));
}

TEST(EarlierRowsTest, AStageThatBeginsAgainKeepsNothingOfItself) {
  EarlierRows earlier("b", 0, {});
  EXPECT_TRUE(earlier.Keep(Row("a", 1)));
  EXPECT_FALSE(earlier.Keep(Row("b", 0)));
  EXPECT_THAT(earlier.told(), IsEmpty());
}

TEST(EarlierRowsTest, RemembersTheLossesThatAreSuperseded) {
  EarlierRows earlier("a", 1, {});
  for (int step = 1; step <= 3; ++step) earlier.Keep(Row("a", step, 0.5 * step));
  earlier.Keep(Row("b", 2, 77));
  ResumeProof proof = earlier.proof();
  const auto remark = proof.Compare(2, 1.0);
  ASSERT_TRUE(remark.has_value());
  EXPECT_EQ(remark->text, "resumed after step 1: loss 1 at step 2, the same as before");
}

TEST(EarlierRowsTest, FindsWhatTheCoordinatorLacks) {
  EarlierRows some("b", 2, {"a", 2});
  Kept(some, 3, 4);
  EXPECT_EQ(Unsent(some), "a3 b1 b2 ");
  EarlierRows none("b", 2, {"b", 4});
  Kept(none, 3, 4);
  EXPECT_EQ(Unsent(none), "");
  EarlierRows all("b", 2, {});
  Kept(all, 2, 4);
  EXPECT_EQ(Unsent(all), "a1 a2 b1 b2 ");
  // What it has is all superseded: all that is kept comes before.
  EarlierRows before("b", 0, {"b", 3});
  Kept(before, 2, 4);
  EXPECT_EQ(Unsent(before), "");
}

}  // namespace
}  // namespace pretext
