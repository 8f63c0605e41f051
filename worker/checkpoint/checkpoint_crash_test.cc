// Kills a process before every system call of writing, replacing and pruning checkpoints, as kill -9 would,
// and looks at what is left.

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "proto/cpp/status_matchers.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/checkpoint/checkpoint_examples.h"

namespace pretext {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::IsEmpty;

const absl::Time kNow = absl::FromUnixMillis(1'700'000'000'250);

// Whether a system call can leave a trace: dying before or after one that cannot is the same.
bool MayChangeFiles(uint64_t call) {
  for (const uint64_t harmless : {SYS_read, SYS_close, SYS_lseek, SYS_fcntl, SYS_fstat, SYS_newfstatat,
                                  SYS_getdents64, SYS_getpid, SYS_mmap, SYS_munmap, SYS_brk}) {
    if (call == harmless) return false;
  }
  return true;
}

// What became of a child that was to run to its end or to a system call.
struct Ending {
  bool finished = false;
  std::vector<uint64_t> calls;  // those that may change files, the one that it did not live to make included
};

// Runs `body` in a child process and kills it on its way into the `fatal_call`-th, from 0, of the system
// calls that may change files.
Ending RunUntilCall(size_t fatal_call, const std::function<void()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(99);
    raise(SIGSTOP);
    body();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSTOPPED(status)) << "this test must be allowed to trace its children (ptrace)";
  ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  Ending ending;
  while (ptrace(PTRACE_SYSCALL, child, nullptr, nullptr) == 0 && waitpid(child, &status, 0) == child &&
         WIFSTOPPED(status)) {
    struct __ptrace_syscall_info call = {};
    ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(call), &call);
    if (call.op != PTRACE_SYSCALL_INFO_ENTRY || !MayChangeFiles(call.entry.nr)) continue;
    ending.calls.push_back(call.entry.nr);
    if (ending.calls.size() > fatal_call) kill(child, SIGKILL);
  }
  ending.finished = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return ending;
}

// What is found must be whole, whenever the child died. Fills by step.
std::map<int64_t, double> WholeCheckpoints(const std::string& output) {
  std::map<int64_t, double> fills;
  std::vector<std::string> faults;
  const std::vector<FoundCheckpoint> all = ListCheckpoints(output, 0, &faults).value();
  for (const FoundCheckpoint& found : all) {
    const absl::StatusOr<CheckpointState> state = ReadCheckpoint(found.path);
    EXPECT_OK(state);
    if (state.ok()) fills[found.position.step] = FillOf(*state);
  }
  EXPECT_THAT(faults, IsEmpty());
  return fills;
}

using Fills = std::map<int64_t, double>;

// Kills `body` before each of its system calls in turn, always in a fresh copy of the folder that `prepare`
// fills; `check` looks at what is left.
void KillEverywhere(const std::function<void(const std::string& output)>& prepare,
                    const std::function<void(const std::string& output)>& body,
                    const std::function<void(const std::string& output)>& check) {
  constexpr size_t kTooMany = 2000;
  const std::string prepared = FreshOutput("prepared");
  prepare(prepared);
  for (size_t fatal_call = 0; fatal_call < kTooMany; ++fatal_call) {
    const std::string output = FreshOutput("out");
    if (fs::exists(prepared)) fs::copy(prepared, output, fs::copy_options::recursive);
    const Ending ending = RunUntilCall(fatal_call, [&] { body(output); });
    if (ending.finished) return;
    check(output);
    if (::testing::Test::HasFailure()) {
      ADD_FAILURE() << "killed before its system call " << fatal_call << ", number " << ending.calls.back();
      return;
    }
  }
  ADD_FAILURE() << "no end after " << kTooMany << " system calls";
}

TEST(CheckpointCrashTest, WritingLeavesTheWholeCheckpointOrNone) {
  bool seen_without = false, seen_with = false;
  KillEverywhere(
      [](const std::string& output) { ASSERT_OK(WriteCheckpoint(output, MakeCheckpoint(1, 1, 1.0), kNow)); },
      [](const std::string& output) { WriteCheckpoint(output, MakeCheckpoint(2, 1, 2.0), kNow).value(); },
      [&](const std::string& output) {
        const Fills found = WholeCheckpoints(output);
        EXPECT_THAT(found, AnyOf(Fills{{1, 1.0}}, Fills{{1, 1.0}, {2, 2.0}}));
        (found.size() == 1 ? seen_without : seen_with) = true;
        // The next attempt goes on, and clears up.
        ASSERT_OK(WriteCheckpoint(output, MakeCheckpoint(2, 2, 3.0), kNow));
        EXPECT_EQ(WholeCheckpoints(output), (Fills{{1, 1.0}, {2, 3.0}}));
        EXPECT_EQ(CountTemporaryFolders(output), 0);
      });
  EXPECT_TRUE(seen_without);
  EXPECT_TRUE(seen_with);
}

TEST(CheckpointCrashTest, TheFirstOfAllLeavesTheWholeCheckpointOrNone) {
  KillEverywhere(
      [](const std::string& output) {},
      [](const std::string& output) { WriteCheckpoint(output, MakeCheckpoint(1, 1, 1.0), kNow).value(); },
      [](const std::string& output) {
        EXPECT_THAT(WholeCheckpoints(output), AnyOf(Fills{}, Fills{{1, 1.0}}));
        ASSERT_OK(WriteCheckpoint(output, MakeCheckpoint(1, 2, 2.0), kNow));
        EXPECT_EQ(WholeCheckpoints(output), (Fills{{1, 2.0}}));
      });
}

TEST(CheckpointCrashTest, ReplacingLeavesTheOldOrTheNew) {
  KillEverywhere(
      [](const std::string& output) { ASSERT_OK(WriteCheckpoint(output, MakeCheckpoint(1, 1, 1.0), kNow)); },
      [](const std::string& output) { WriteCheckpoint(output, MakeCheckpoint(1, 2, 2.0), kNow).value(); },
      [](const std::string& output) {
        EXPECT_THAT(WholeCheckpoints(output), AnyOf(Fills{{1, 1.0}}, Fills{{1, 2.0}}));
      });
}

TEST(CheckpointCrashTest, PruningNeverTouchesWhatStays) {
  KillEverywhere(
      [](const std::string& output) {
        for (const int step : {1, 2, 3})
          ASSERT_OK(WriteCheckpoint(output, MakeCheckpoint(step, 1, step), kNow));
      },
      [](const std::string& output) {
        if (!PruneCheckpoints(output, MakeCheckpoint(3).position, 1).ok()) _exit(1);
      },
      [](const std::string& output) {
        Fills found = WholeCheckpoints(output);
        EXPECT_EQ(found.at(3), 3.0);
        ASSERT_OK(WriteCheckpoint(output, MakeCheckpoint(4, 1, 4.0), kNow));
        EXPECT_EQ(CountTemporaryFolders(output), 0);
      });
}

// A power cut loses what was not synced: every byte, and the names in the folder, must be on disk before the
// folder gets its name, and that name before the write returns.
TEST(CheckpointCrashTest, EverythingIsSyncedBeforeTheFolderGetsItsName) {
  const std::string output = FreshOutput("out");
  ASSERT_OK(WriteCheckpoint(output, MakeCheckpoint(1), kNow));
  const Ending ending =
      RunUntilCall(/*fatal_call=*/1 << 20, [&] { WriteCheckpoint(output, MakeCheckpoint(2), kNow).value(); });
  ASSERT_TRUE(ending.finished);
  std::string order;
  for (const uint64_t call : ending.calls) {
    if (call == SYS_fsync) order += "sync ";
#ifdef SYS_rename
    if (call == SYS_rename) order += "rename ";
#endif
    if (call == SYS_renameat || call == SYS_renameat2) order += "rename ";
  }
  // backbone, optimizer, manifest under a working name; its name and the folder; the folder's name.
  EXPECT_EQ(order, "sync sync sync rename sync rename sync ");
}

}  // namespace
}  // namespace pretext
