#ifndef PRETEXT_WORKER_DIST_EVERY_GANG_H_
#define PRETEXT_WORKER_DIST_EVERY_GANG_H_

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "worker/dist/process_gang.h"
#include "worker/dist/solo_process_group.h"
#include "worker/dist/thread_process_group.h"

namespace pretext {

// A kind of process group at one size: what all of them promise is tested over all of them. Tests only.
struct Gang {
  std::string name;
  int world_size;
  // Runs `body` once a rank. The calling process computes nothing and starts no thread.
  void (*run)(int world_size, const std::function<void(ProcessGroup& group)>& body);

  void Run(const std::function<void(ProcessGroup& group)>& body) const { run(world_size, body); }
};

inline void PrintTo(const Gang& gang, std::ostream* out) { *out << gang.name; }

inline void RunSolo(int /*world_size*/, const std::function<void(ProcessGroup& group)>& body) {
  const std::vector<ProcessEnd> ends = RunProcesses(1, [&](const GangOptions&) {
    SoloProcessGroup group;
    body(group);
  });
  EXPECT_EQ(ends, std::vector<ProcessEnd>(1));
}

inline void RunThreads(int world_size, const std::function<void(ProcessGroup& group)>& body) {
  const std::vector<ProcessEnd> ends =
      RunProcesses(1, [&](const GangOptions&) { RunRanks(world_size, body); });
  EXPECT_EQ(ends, std::vector<ProcessEnd>(1));
}

inline auto EveryGang() {
  return testing::Values(Gang{"C10d2", 2, &RunGang}, Gang{"C10d4", 4, &RunGang}, Gang{"Solo", 1, &RunSolo},
                         Gang{"Thread1", 1, &RunThreads}, Gang{"Thread3", 3, &RunThreads});
}

inline std::string NameOf(const testing::TestParamInfo<Gang>& info) { return info.param.name; }

}  // namespace pretext

#endif  // PRETEXT_WORKER_DIST_EVERY_GANG_H_
