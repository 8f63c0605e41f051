#include "worker/session/rank_threads.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

TEST(RankThreadsTest, DividesTheCoresOfTheNodeAmongItsRanks) {
  const RankThreads threads = DivideThreads(v1::Resources(), /*cores=*/8, /*local_world_size=*/3);
  EXPECT_EQ(threads.compute, 2);
  EXPECT_EQ(threads.data, 2);
}

TEST(RankThreadsTest, GivesEveryRankAtLeastOneThread) {
  const RankThreads threads = DivideThreads(v1::Resources(), /*cores=*/2, /*local_world_size=*/4);
  EXPECT_EQ(threads.compute, 1);
  EXPECT_EQ(threads.data, 1);
  EXPECT_EQ(DivideThreads(v1::Resources(), 0, 0).compute, 1);
}

TEST(RankThreadsTest, StopsAtEightDataThreads) {
  const RankThreads threads = DivideThreads(v1::Resources(), /*cores=*/64, /*local_world_size=*/2);
  EXPECT_EQ(threads.compute, 32);
  EXPECT_EQ(threads.data, 8);
}

TEST(RankThreadsTest, DoesAsTheSpecSays) {
  v1::Resources resources;
  resources.set_threads(3);
  EXPECT_EQ(DivideThreads(resources, 64, 1).compute, 3);
  EXPECT_EQ(DivideThreads(resources, 64, 1).data, 3);
  resources.set_data_threads(20);
  EXPECT_EQ(DivideThreads(resources, 64, 1).data, 20);
}

TEST(RankThreadsTest, CutsWishesFarBeyondTheCoresAndSaysSo) {
  v1::Resources resources;
  resources.set_threads(4096);
  resources.set_data_threads(100000);
  const RankThreads threads = DivideThreads(resources, /*cores=*/16, /*local_world_size=*/1);
  EXPECT_EQ(threads.compute, 128);
  EXPECT_EQ(threads.data, 128);
  EXPECT_THAT(threads.warning, HasSubstr("resources.threads is 4096"));
  EXPECT_THAT(threads.warning, HasSubstr("resources.data_threads is 100000, far more than the 16 cores"));
}

TEST(RankThreadsTest, GrantsThreadsThatWaitForSlowDisksOnSmallMachines) {
  v1::Resources resources;
  resources.set_data_threads(64);
  const RankThreads threads = DivideThreads(resources, /*cores=*/2, /*local_world_size=*/1);
  EXPECT_EQ(threads.data, 64);
  EXPECT_EQ(threads.warning, "");
}

}  // namespace
}  // namespace pretext
