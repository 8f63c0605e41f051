#include "worker/agent/fork_server.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <map>
#include <string>

#include "proto/cpp/exit_codes.h"
#include "worker/agent/zygote_wire.h"

namespace pretext {
namespace {

// The kernel shall end a rank before the agent or the coordinator when memory runs out.
constexpr char kOutOfMemoryScore[] = "500";

// Signals that the zygote leaves to others: the agent decides when it ends.
sigset_t ZygoteSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT}) sigaddset(&set, signal);
  return set;
}

// This process dies when its parent does. False: the parent is dead already.
bool DieWith(pid_t parent) { return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent; }

void PreferInOutOfMemory() {
  const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  // Refused in some containers; then the kernel chooses as it likes.
  [[maybe_unused]] const ssize_t written = write(file, kOutOfMemoryScore, sizeof(kOutOfMemoryScore) - 1);
  close(file);
}

void SendOutputTo(const std::string& log) {
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null >= 0) dup2(null, STDIN_FILENO);
  const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) {
    // Goes on with the agent's output.
    std::fprintf(stderr, "cannot open %s for a rank's output; it goes here\n", log.c_str());
    return;
  }
  dup2(file, STDOUT_FILENO);
  dup2(file, STDERR_FILENO);
  close(file);
}

class ForkServer {
 public:
  ForkServer(int socket, const RankBody& body) : socket_(socket), zygote_(getpid()), body_(body) {
    const sigset_t signals = ZygoteSignals();
    sigprocmask(SIG_SETMASK, &signals, nullptr);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    children_ = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  }

  void Serve() {
    pollfd files[] = {{socket_, POLLIN, 0}, {children_, POLLIN, 0}};
    bool open = children_ >= 0;
    while (open) {
      if (poll(files, 2, -1) < 0) continue;  // interrupted
      if (files[1].revents != 0) {
        signalfd_siginfo ignored;
        while (read(children_, &ignored, sizeof(ignored)) > 0) continue;
        open = ReapAll();
      }
      if (open && files[0].revents != 0) open = Obey();
    }
    for (const auto& [pid, id] : ids_) kill(-pid, SIGKILL);
  }

 private:
  bool Obey() {
    ZygoteMessage message;
    if (!ReceiveMessage(socket_, &message)) return false;
    if (message.kind == ZygoteMessage::kStart) return Start(message);
    const auto pid = pids_.find(message.id);
    if (pid == pids_.end()) return true;
    kill(message.first == SIGKILL ? -pid->second : pid->second, message.first);
    return true;
  }

  bool Start(const ZygoteMessage& message) {
    const pid_t pid = fork();
    if (pid == 0) BeRank(message);
    ZygoteMessage answer;
    answer.id = message.id;
    if (pid < 0) {
      answer.kind = ZygoteMessage::kNotStarted;
      answer.first = errno;
      return SendMessage(socket_, answer);
    }
    setpgid(pid, pid);  // the child does so too: whoever comes first
    pids_[message.id] = pid;
    ids_[pid] = message.id;
    answer.kind = ZygoteMessage::kStarted;
    answer.first = pid;
    return SendMessage(socket_, answer);
  }

  [[noreturn]] void BeRank(const ZygoteMessage& message) {
    setpgid(0, 0);
    if (!DieWith(zygote_)) _exit(kRankFault);
    close(socket_);
    close(children_);
    PreferInOutOfMemory();
    SendOutputTo(message.log);
    signal(SIGPIPE, SIG_IGN);
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_SETMASK, &term, nullptr);
    v1::RankAssignment assignment;
    if (!assignment.ParseFromString(message.body)) _exit(kRankFault);
    prctl(PR_SET_NAME, ("pretext-rank" + std::to_string(assignment.rank())).c_str());
    int code = kRankFault;
    try {
      code = body_(assignment);
    } catch (const std::exception& exception) {
      std::fprintf(stderr, "nothing caught an exception: %s\n", exception.what());
    }
    std::fflush(nullptr);
    // Not exit(): threads of libraries may still run, and what they use must stay.
    _exit(code);
  }

  // Tells of every child that has ended. What is left of its process group goes with it, while its pid still
  // names it.
  bool ReapAll() {
    while (true) {
      siginfo_t ended = {};
      if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0) return true;
      const pid_t pid = ended.si_pid;
      const auto id = ids_.find(pid);
      if (id != ids_.end()) kill(-pid, SIGKILL);
      int status = 0;
      waitpid(pid, &status, 0);
      if (id == ids_.end()) continue;  // a process that a rank had started, and left to us
      ZygoteMessage message;
      message.kind = ZygoteMessage::kEnded;
      message.id = id->second;
      message.first = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
      message.second = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
      pids_.erase(id->second);
      ids_.erase(id);
      if (!SendMessage(socket_, message)) return false;
    }
  }

  const int socket_;
  const pid_t zygote_;
  const RankBody& body_;
  int children_ = -1;  // a signalfd for SIGCHLD
  std::map<int64_t, pid_t> pids_;
  std::map<pid_t, int64_t> ids_;
};

}  // namespace

void ServeForks(int socket, pid_t agent, const RankBody& body) {
  if (!DieWith(agent)) _exit(0);
  prctl(PR_SET_NAME, "pretext-zygote");
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  ForkServer(socket, body).Serve();
  _exit(0);
}

}  // namespace pretext
