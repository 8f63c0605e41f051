#include "worker/agent/cgroup.h"

#include <stdlib.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"

namespace pretext {
namespace {

class CgroupTest : public ::testing::Test {
 protected:
  CgroupTest() {
    std::string name = ::testing::TempDir() + "/cgroup.XXXXXX";
    folder_ = mkdtemp(name.data());
    places_.mount = folder_ + "/fs";
    places_.self = folder_ + "/self";
    places_.statistics = folder_ + "/vmstat";
  }
  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path whole = folder_ + "/" + path;
    std::filesystem::create_directories(whole.parent_path());
    std::ofstream(whole) << text;
  }

  std::string folder_;
  CgroupPlaces places_;
};

TEST_F(CgroupTest, KnowsNoLimitWhereNothingIsTold) {
  const CgroupLimits limits = ReadCgroupLimits(places_);
  EXPECT_TRUE(std::isinf(limits.cores));
  EXPECT_EQ(limits.memory_bytes, std::numeric_limits<int64_t>::max());
  EXPECT_EQ(CountOutOfMemoryKills(places_), 0);
}

TEST_F(CgroupTest, TakesTheTightestLimitOfTheGroupsAroundIt) {
  Write("self", "0::/slurm/job_7/step_0\n");
  Write("fs/slurm/job_7/cpu.max", "250000 100000\n");
  Write("fs/slurm/job_7/step_0/cpu.max", "max 100000\n");
  Write("fs/slurm/memory.max", "8589934592\n");
  Write("fs/slurm/job_7/step_0/memory.max", "max\n");
  const CgroupLimits limits = ReadCgroupLimits(places_);
  EXPECT_DOUBLE_EQ(limits.cores, 2.5);
  EXPECT_EQ(limits.memory_bytes, int64_t{8} << 30);
}

TEST_F(CgroupTest, ReadsVersionOne) {
  Write("self", "4:memory:/docker/ab\n1:cpu,cpuacct:/docker/ab\n0::/\n");
  // As in a container that sees its own group as the root.
  Write("fs/cpu,cpuacct/cpu.cfs_quota_us", "150000\n");
  Write("fs/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  Write("fs/memory/memory.limit_in_bytes", "1073741824\n");
  Write("fs/memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
  const CgroupLimits limits = ReadCgroupLimits(places_);
  EXPECT_DOUBLE_EQ(limits.cores, 1.5);
  EXPECT_EQ(limits.memory_bytes, 1 << 30);
  EXPECT_EQ(CountOutOfMemoryKills(places_), 3);
}

TEST_F(CgroupTest, CountsKillsOfItsOwnGroupBeforeThoseOfTheMachine) {
  Write("vmstat", "oom_kill_disable 1\noom_kill 12\n");
  EXPECT_EQ(CountOutOfMemoryKills(places_), 12);
  Write("self", "0::/a\n");
  Write("fs/a/memory.events", "low 0\noom 5\noom_kill 2\n");
  EXPECT_EQ(CountOutOfMemoryKills(places_), 2);
}

}  // namespace
}  // namespace pretext
