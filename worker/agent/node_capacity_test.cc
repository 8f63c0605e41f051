#include "worker/agent/node_capacity.h"

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"

namespace pretext {
namespace {

TEST(NodeCapacityTest, CountsOnlyTheCoresItMayRunOn) {
  const v1::NodeCapacity all = MeasureNode();
  EXPECT_GE(all.cores(), 1);
  EXPECT_EQ(all.cpu_slots(), all.cores());
  EXPECT_GT(all.memory_bytes(), int64_t{64} << 20);

  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  CPU_ZERO(&one);
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (!CPU_ISSET(core, &before)) continue;
    CPU_SET(core, &one);
    break;
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(MeasureNode().cores(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof(before), &before), 0);
}

TEST(NodeCapacityTest, IsReachedAtTheAddressThatItReachesTheCoordinatorFrom) {
  EXPECT_EQ(FindHostAddress("unix:/run/pretext/worker.sock"), "127.0.0.1");
  EXPECT_EQ(FindHostAddress("127.0.0.1:7071"), "127.0.0.1");
  EXPECT_EQ(FindHostAddress("ipv4:127.0.0.1:7071"), "127.0.0.1");
  EXPECT_EQ(FindHostAddress("dns:///127.0.0.1:7071"), "127.0.0.1");
}

TEST(NodeCapacityTest, FallsBackToItsNameWhenTheCoordinatorIsUnknown) {
  char name[256] = {};
  ASSERT_EQ(gethostname(name, sizeof(name) - 1), 0);
  EXPECT_EQ(FindHostAddress("no-such-host.invalid:7071"), name);
  EXPECT_EQ(FindHostAddress("nonsense"), name);
}

TEST(NodeCapacityTest, KnowsWhatTheGpuIsCalled) {
  std::string name = ::testing::TempDir() + "/gpus.XXXXXX";
  const std::filesystem::path folder = mkdtemp(name.data());
  EXPECT_EQ(DescribeGpu(folder), "");
  EXPECT_EQ(DescribeGpu(folder / "missing"), "");
  std::filesystem::create_directory(folder / "0000:00:05.0");
  std::ofstream(folder / "0000:00:05.0/information") << "Model: \t\t NVIDIA A100-SXM4-80GB\nIRQ:   \t\t 30\n";
  EXPECT_EQ(DescribeGpu(folder), "NVIDIA A100-SXM4-80GB");
}

}  // namespace
}  // namespace pretext
