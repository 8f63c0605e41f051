#include "proto/cpp/nearest_name.h"

#include "gtest/gtest.h"

namespace pretext {
namespace {

TEST(EditDistanceTest, CountsInsertionsDeletionsReplacementsAndSwaps) {
  EXPECT_EQ(EditDistance("", ""), 0);
  EXPECT_EQ(EditDistance("", "abc"), 3);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3);
  EXPECT_EQ(EditDistance("temprature", "temperature"), 1);
  EXPECT_EQ(EditDistance("epcohs", "epochs"), 1);
  EXPECT_EQ(EditDistance("GPU", "gpu"), 0);
}

TEST(NearestNameTest, FindsTheMisspeltName) {
  const std::vector<std::string> names = {"temperature", "momentum", "queue_length", "epochs"};
  EXPECT_EQ(NearestName("temprature", names), "temperature");
  EXPECT_EQ(NearestName("queue_len", names), "queue_length");
  EXPECT_EQ(NearestName("Epocs", names), "epochs");
}

TEST(NearestNameTest, OffersNothingFarAway) {
  EXPECT_EQ(NearestName("xyz", {"temperature", "momentum"}), "");
  EXPECT_EQ(NearestName("", {"a"}), "");
  EXPECT_EQ(NearestName(std::string(100000, 'a'), {"aaa"}), "");
}

TEST(NearestNameTest, ABeginningIsEnough) {
  EXPECT_EQ(NearestName("temp", {"momentum", "temperature"}), "temperature");
}

TEST(DidYouMeanTest, ListsTheNamesWhenNoneIsNear) {
  EXPECT_EQ(DidYouMean("mocco", {"moco", "rotation"}), "; did you mean moco?");
  EXPECT_EQ(DidYouMean("jigsaw", {"moco", "rotation"}), "; it is one of moco, rotation");
  EXPECT_EQ(DidYouMean("jigsaw", {}), "");
}

TEST(DidYouMeanTest, NamesOnlyTheFirstOfMany) {
  std::vector<std::string> names;
  for (int i = 0; i < 500; ++i) names.push_back("class" + std::to_string(i) + std::string(1000, 'x'));
  const std::string hint = DidYouMean("dog", names);
  EXPECT_LT(hint.size(), 3000);
  EXPECT_EQ(hint.substr(hint.size() - 13), " and 476 more");
}

}  // namespace
}  // namespace pretext
