#include "worker/agent/rank_changes.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using State = LocalRank::State;

RankKey Key(int rank, int attempt = 1) { return {"jobs/1", attempt, rank}; }

v1::RankAssignment Wanted(int rank, bool stop = false, int attempt = 1) {
  v1::RankAssignment assignment;
  assignment.set_job("jobs/1");
  assignment.set_attempt(attempt);
  assignment.set_rank(rank);
  assignment.set_stop(stop);
  return assignment;
}

LocalRank Local(State state, bool end_told = false) {
  LocalRank rank;
  rank.state = state;
  rank.end_told = end_told;
  return rank;
}

std::vector<RankKey> Started(const RankChanges& changes) {
  std::vector<RankKey> keys;
  for (const v1::RankAssignment& assignment : changes.start) keys.push_back(KeyOf(assignment));
  return keys;
}

bool Nothing(const RankChanges& changes) {
  return changes.start.empty() && changes.stop.empty() && changes.kill.empty() && changes.forget.empty();
}

TEST(RankChangesTest, StartsWhatIsWantedAndDoesNotRun) {
  const RankChanges changes =
      CompareRanks({Wanted(0), Wanted(1)}, {{Key(0), Local(State::kRunning)}}, /*leaving=*/false);
  EXPECT_THAT(Started(changes), ElementsAre(Key(1)));
  EXPECT_THAT(changes.stop, IsEmpty());
  EXPECT_THAT(changes.kill, IsEmpty());
}

TEST(RankChangesTest, StartsARankThatIsListedTwiceOnce) {
  EXPECT_THAT(Started(CompareRanks({Wanted(0), Wanted(0)}, {}, false)), ElementsAre(Key(0)));
}

TEST(RankChangesTest, TakesAnotherAttemptForAnotherRank) {
  const RankChanges changes =
      CompareRanks({Wanted(0, false, 2)}, {{Key(0, 1), Local(State::kRunning)}}, false);
  EXPECT_THAT(Started(changes), ElementsAre(Key(0, 2)));
  EXPECT_THAT(changes.kill, ElementsAre(Key(0, 1)));
}

TEST(RankChangesTest, KillsWhatIsNotWantedOnce) {
  EXPECT_THAT(CompareRanks({}, {{Key(0), Local(State::kRunning)}}, false).kill, ElementsAre(Key(0)));
  EXPECT_THAT(CompareRanks({}, {{Key(0), Local(State::kToldToStop)}}, false).kill, ElementsAre(Key(0)));
  EXPECT_TRUE(Nothing(CompareRanks({}, {{Key(0), Local(State::kKilled)}}, false)));
}

TEST(RankChangesTest, TellsARankToStopOnce) {
  EXPECT_THAT(CompareRanks({Wanted(0, true)}, {{Key(0), Local(State::kRunning)}}, false).stop,
              ElementsAre(Key(0)));
  EXPECT_TRUE(Nothing(CompareRanks({Wanted(0, true)}, {{Key(0), Local(State::kToldToStop)}}, false)));
}

TEST(RankChangesTest, StartsNothingOnlyToStopIt) {
  EXPECT_TRUE(Nothing(CompareRanks({Wanted(0, true)}, {}, false)));
}

TEST(RankChangesTest, NeverStartsAgainWhatHasEnded) {
  EXPECT_TRUE(Nothing(CompareRanks({Wanted(0)}, {{Key(0), Local(State::kEnded, true)}}, false)));
}

TEST(RankChangesTest, ForgetsAnEndOnceItIsToldAndNotAskedAbout) {
  EXPECT_TRUE(Nothing(CompareRanks({}, {{Key(0), Local(State::kEnded, false)}}, false)));
  EXPECT_THAT(CompareRanks({}, {{Key(0), Local(State::kEnded, true)}}, false).forget, ElementsAre(Key(0)));
}

TEST(RankChangesTest, StopsWhatRunsAndStartsNothingWhenTheAgentLeaves) {
  const RankChanges changes =
      CompareRanks({Wanted(0), Wanted(1)}, {{Key(0), Local(State::kRunning)}}, /*leaving=*/true);
  EXPECT_THAT(Started(changes), IsEmpty());
  EXPECT_THAT(changes.stop, ElementsAre(Key(0)));
}

}  // namespace
}  // namespace pretext
