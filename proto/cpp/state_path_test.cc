#include "proto/cpp/state_path.h"

#include "gtest/gtest.h"

namespace pretext {
namespace {

TEST(StatePathTest, ACoordinatorsFolderIsNamedOrAmongTheUsersData) {
  EXPECT_EQ(StateDirectory("/state", "/xdg", "/home/u"), "/state");
  EXPECT_EQ(StateDirectory("", "/xdg", "/home/u"), "/xdg/pretext");
  EXPECT_EQ(StateDirectory("", "xdg", "/home/u"), "/home/u/.local/share/pretext");
  EXPECT_EQ(StateDirectory("", "", ""), "./.local/share/pretext");
}

TEST(StatePathTest, AnAgentsFolderFollowsTheSameRule) {
  EXPECT_EQ(DataFolder("pretext-agent", "/xdg", "/home/u"), "/xdg/pretext-agent");
  EXPECT_EQ(DataFolder("pretext-agent", "", "/home/u"), "/home/u/.local/share/pretext-agent");
}

}  // namespace
}  // namespace pretext
