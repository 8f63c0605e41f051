#include "client/submission/fitting.h"

#include "client/session/fake_context.h"
#include "gmock/gmock.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

v1::Node Node(v1::Node::State state, int cpu_slots, int gpus) {
  v1::Node node;
  node.set_name("nodes/a");
  node.set_state(state);
  node.mutable_capacity()->set_cpu_slots(cpu_slots);
  node.mutable_capacity()->set_gpus(gpus);
  return node;
}

v1::JobSpec Spec(int ranks, v1::Resources::Device device) {
  v1::JobSpec spec;
  spec.mutable_resources()->set_world_size(ranks);
  spec.mutable_resources()->set_device(device);
  return spec;
}

TEST(FittingTest, CountsTheDevicesOfMachinesThatTakeWork) {
  const std::vector<v1::Node> nodes = {Node(v1::Node::READY, 2, 0), Node(v1::Node::READY, 2, 1),
                                       Node(v1::Node::DRAINING, 8, 8)};
  EXPECT_EQ(WhyItCannotStart(Spec(4, v1::Resources::CPU), nodes), "");
  EXPECT_EQ(WhyItCannotStart(Spec(5, v1::Resources::CPU), nodes),
            "needs 5 CPU slots, and the machines that take work have 4 in all");
  EXPECT_EQ(WhyItCannotStart(Spec(1, v1::Resources::GPU), nodes), "");
  EXPECT_EQ(WhyItCannotStart(Spec(2, v1::Resources::GPU), nodes),
            "needs 2 GPUs, and the machines that take work have 1 in all");
}

TEST(FittingTest, WaitsForTheMachineOfACoordinatorThatHasJustStarted) {
  FakeContext fake;
  fake.on_wait = [&fake] {
    if (fake.waits == 3) fake.client.nodes["nodes/local"] = Node(v1::Node::READY, 2, 0);
    return true;
  };
  v1::Job job;
  job.set_name("jobs/1");
  *job.mutable_spec() = Spec(2, v1::Resources::CPU);
  WarnIfItCannotStart(job, Reached{&fake.client, true}, fake.context);
  EXPECT_EQ(fake.waits, 3);
  EXPECT_EQ(fake.err.str(), "");
  fake.client.nodes.clear();
  fake.on_wait = nullptr;
  WarnIfItCannotStart(job, Reached{&fake.client, true}, fake.context);
  EXPECT_THAT(fake.err.str(), HasSubstr("have none"));
  EXPECT_LT(fake.waits, 40) << "not for ever";
}

TEST(FittingTest, SaysNothingOfWhyAMachineTakesNoWork) {
  v1::Job job;
  job.set_name("jobs/1");
  *job.mutable_spec() = Spec(1, v1::Resources::CPU);
  for (const v1::Node& node : {Node(v1::Node::DRAINING, 2, 0), Node(v1::Node::READY, 0, 0)}) {
    FakeContext fake;
    fake.client.nodes["nodes/a"] = node;
    WarnIfItCannotStart(job, Reached{&fake.client, true}, fake.context);
    EXPECT_EQ(
        fake.err.str(),
        "pretext: jobs/1 needs 1 CPU slot, and the machines that take work have none. It waits until there "
        "are enough; `pretext nodes` lists what there is\n");
  }
}

TEST(FittingTest, AJobThatAlmostAnyMachineHoldsDoesNotWaitForOne) {
  FakeContext fake;
  v1::Job job;
  *job.mutable_spec() = Spec(1, v1::Resources::CPU);
  WarnIfItCannotStart(job, Reached{&fake.client, true}, fake.context);
  EXPECT_EQ(fake.waits, 0);
  EXPECT_EQ(fake.err.str(), "");
}

}  // namespace
}  // namespace pretext
