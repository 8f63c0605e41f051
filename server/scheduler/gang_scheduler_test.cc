#include "server/scheduler/gang_scheduler.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pretext {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class GangSchedulerTest : public ::testing::Test {
 protected:
  void Join(const std::string& node, int cpu_slots, int gpus = 0) {
    v1::Event event;
    event.mutable_node_joined()->set_node(node);
    event.mutable_node_joined()->mutable_capacity()->set_cpu_slots(cpu_slots);
    event.mutable_node_joined()->mutable_capacity()->set_gpus(gpus);
    state_.Apply(event);
  }
  void Submit(const std::string& job, int world_size, int priority = 0, bool gpu = false) {
    v1::Event event;
    event.mutable_time()->set_seconds(++now_);
    event.mutable_job_submitted()->set_job(job);
    v1::JobSpec* spec = event.mutable_job_submitted()->mutable_spec();
    spec->set_priority(priority);
    spec->mutable_resources()->set_world_size(world_size);
    if (gpu) spec->mutable_resources()->set_device(v1::Resources::GPU);
    state_.Apply(event);
  }
  // Carries out what the plan starts.
  void Start(const Plan& plan) {
    for (const Plan::Start& start : plan.starts) {
      v1::Event event;
      event.mutable_attempt_started()->set_job(start.job);
      event.mutable_attempt_started()->set_attempt(1);
      for (const v1::RankPlacement& placement : start.placements) {
        *event.mutable_attempt_started()->add_placements() = placement;
      }
      state_.Apply(event);
    }
  }
  Plan MakePlan() const { return GangScheduler().MakePlan(state_); }

  ClusterState state_;
  int64_t now_ = 0;
};

TEST_F(GangSchedulerTest, StartsHigherPriorityFirstAndOlderJobsBeforeYounger) {
  Join("nodes/a", 1);
  Submit("jobs/1", 1);
  Submit("jobs/2", 1, /*priority=*/5);
  Submit("jobs/3", 1, /*priority=*/5);
  const Plan plan = MakePlan();
  ASSERT_EQ(plan.starts.size(), 1);
  EXPECT_EQ(plan.starts[0].job, "jobs/2");
  EXPECT_EQ(plan.waits.size(), 2);
}

TEST_F(GangSchedulerTest, StartsAGangWholeOrNotAtAll) {
  Join("nodes/a", 3);
  Submit("jobs/1", 2);
  Submit("jobs/2", 2);
  const Plan plan = MakePlan();
  ASSERT_EQ(plan.starts.size(), 1);
  EXPECT_EQ(plan.starts[0].placements.size(), 2);
}

TEST_F(GangSchedulerTest, KeepsAGangOnTheNodeItFillsBest) {
  Join("nodes/big", 8);
  Join("nodes/small", 2);
  Submit("jobs/1", 2);
  const Plan plan = MakePlan();
  ASSERT_EQ(plan.starts.size(), 1);
  for (const v1::RankPlacement& placement : plan.starts[0].placements)
    EXPECT_EQ(placement.node(), "nodes/small");
  EXPECT_EQ(plan.starts[0].placements[1].local_rank(), 1);
  EXPECT_EQ(plan.starts[0].placements[1].device(), 1);
}

TEST_F(GangSchedulerTest, SpreadsAGangThatNoNodeHolds) {
  Join("nodes/a", 2);
  Join("nodes/b", 2);
  Submit("jobs/1", 3);
  const Plan plan = MakePlan();
  ASSERT_EQ(plan.starts.size(), 1);
  EXPECT_EQ(plan.starts[0].placements[2].node(), "nodes/b");
  EXPECT_EQ(plan.starts[0].placements[2].rank(), 2);
  EXPECT_EQ(plan.starts[0].placements[2].local_rank(), 0);
}

TEST_F(GangSchedulerTest, DoesNotLetSmallJobsStarveALargeOne) {
  Join("nodes/a", 4);
  Submit("jobs/1", 2);
  Start(MakePlan());
  Submit("jobs/2", 4);
  Submit("jobs/3", 1);
  const Plan plan = MakePlan();
  EXPECT_TRUE(plan.starts.empty());
  ASSERT_EQ(plan.waits.size(), 2);
  EXPECT_EQ(plan.waits[0].reason, "needs 4 CPU slots, and 2 of 4 are free; jobs/1 use the others");
  EXPECT_THAT(plan.waits[1].reason, HasSubstr("behind jobs/2"));
}

TEST_F(GangSchedulerTest, AJobTooLargeForTheClusterHoldsUpNobody) {
  Join("nodes/a", 2);
  Submit("jobs/1", 64);
  Submit("jobs/2", 2);
  const Plan plan = MakePlan();
  ASSERT_EQ(plan.starts.size(), 1);
  EXPECT_EQ(plan.starts[0].job, "jobs/2");
  EXPECT_THAT(plan.waits[0].reason, AllOf(HasSubstr("64 CPU slots"), HasSubstr("2 in all")));
}

TEST_F(GangSchedulerTest, CountsGpusAndCpuSlotsApart) {
  Join("nodes/a", 1, /*gpus=*/1);
  Submit("jobs/1", 1, 0, /*gpu=*/true);
  Submit("jobs/2", 1, 0, /*gpu=*/true);
  Submit("jobs/3", 1);
  const Plan plan = MakePlan();
  ASSERT_EQ(plan.starts.size(), 2);
  EXPECT_EQ(plan.starts[0].job, "jobs/1");
  EXPECT_EQ(plan.starts[1].job, "jobs/3");
}

TEST_F(GangSchedulerTest, LeavesDrainingAndLostNodesAlone) {
  Join("nodes/a", 1);
  Join("nodes/b", 1);
  v1::Event drain;
  drain.mutable_node_drain_changed()->set_node("nodes/a");
  drain.mutable_node_drain_changed()->set_draining(true);
  state_.Apply(drain);
  v1::Event lost;
  lost.mutable_node_lost()->set_node("nodes/b");
  state_.Apply(lost);
  Submit("jobs/1", 1);
  EXPECT_TRUE(MakePlan().starts.empty());
}

TEST_F(GangSchedulerTest, SaysWhenNoNodeHasJoined) {
  Submit("jobs/1", 1);
  ASSERT_EQ(MakePlan().waits.size(), 1);
  EXPECT_THAT(MakePlan().waits[0].reason, HasSubstr("none has yet"));
}

}  // namespace
}  // namespace pretext
