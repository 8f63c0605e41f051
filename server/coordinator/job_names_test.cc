#include "server/coordinator/job_names.h"

#include "gtest/gtest.h"

namespace pretext {
namespace {

TEST(JobNamesTest, MakesAWordOfAnyName) {
  EXPECT_EQ(MakeJobName(7, "X-Ray chest"), "jobs/7-x-ray-chest");
  EXPECT_EQ(MakeJobName(7, "..a__b.."), "jobs/7-a-b");
  EXPECT_EQ(MakeJobName(7, ""), "jobs/7");
  EXPECT_EQ(MakeJobName(7, "???"), "jobs/7");
}

TEST(JobNamesTest, CutsLongNames) {
  EXPECT_EQ(MakeJobName(1, std::string(90, 'a')), "jobs/1-" + std::string(40, 'a'));
  EXPECT_EQ(MakeJobName(1, std::string(39, 'a') + " b"), "jobs/1-" + std::string(39, 'a'))
      << "no hyphen at the end";
}

TEST(JobNamesTest, FindsTheId) { EXPECT_EQ(JobId("jobs/7-xray"), "7-xray"); }

}  // namespace
}  // namespace pretext
