#include "worker/agent/zygote.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/exit_codes.h"
#include "proto/cpp/process_end.h"
#include "worker/agent/rank_log.h"

namespace pretext {
namespace {

absl::StatusOr<int> CountThreads() {
  std::error_code error;
  const std::filesystem::directory_iterator threads("/proc/self/task", error);
  if (error) return absl::InternalError(absl::StrCat("cannot read /proc/self/task: ", error.message()));
  return static_cast<int>(std::distance(begin(threads), end(threads)));
}

// Whether the rank itself may have printed why it ended: not when it ended well or others ended it.
bool EndedForAReason(const RankEnd& end) {
  if (end.signal != 0) return end.signal != SIGKILL && end.signal != SIGTERM && end.signal != SIGINT;
  return end.exit_code != kRankFinished && end.exit_code != kRankStopped;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Zygote>> Zygote::Fork(ZygoteOptions options, const RankBody& body) {
  const absl::StatusOr<int> threads = CountThreads();
  if (!threads.ok()) return threads.status();
  if (*threads != 1) {
    return absl::FailedPreconditionError(
        absl::StrCat("the zygote must be forked before any thread is started, but ", *threads, " run"));
  }
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
    return absl::ResourceExhaustedError(absl::StrCat("cannot make a socket: ", std::strerror(errno)));
  }
  const pid_t agent = getpid();
  // So that none ends the zygote before it has chosen what it listens to.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = fork();
  if (pid == 0) {
    close(sockets[0]);
    ServeForks(sockets[1], agent, body);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  close(sockets[1]);
  if (pid < 0) {
    close(sockets[0]);
    return absl::ResourceExhaustedError(absl::StrCat("cannot fork: ", std::strerror(errno)));
  }
  return std::unique_ptr<Zygote>(new Zygote(std::move(options), pid, sockets[0]));
}

Zygote::Zygote(ZygoteOptions options, pid_t pid, int socket)
    : options_(std::move(options)), pid_(pid), socket_(socket), hearing_([this] { Hear(); }) {}

Zygote::~Zygote() {
  {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
  }
  shutdown(socket_, SHUT_RDWR);
  hearing_.join();
  close(socket_);
}

void Zygote::Listen(RankListener* listener) {
  absl::MutexLock lock(&mutex_);
  listener_ = listener;
}

void Zygote::Start(int64_t id, const v1::RankAssignment& assignment) {
  PruneRankLogs(options_.log_folder, options_.logs_kept);
  ZygoteMessage message;
  message.kind = ZygoteMessage::kStart;
  message.id = id;
  message.log = RankLogPath(options_.log_folder, assignment);
  message.body = assignment.SerializeAsString();
  {
    absl::MutexLock lock(&started_mutex_);
    started_[id] = {message.log, options_.out_of_memory_kills()};
  }
  // When the zygote is gone, the hearing thread finds out and says so.
  SendMessage(socket_, message);
}

void Zygote::Signal(int64_t id, int signal) {
  ZygoteMessage message;
  message.kind = ZygoteMessage::kSignal;
  message.id = id;
  message.first = signal;
  SendMessage(socket_, message);
}

void Zygote::Hear() {
  ZygoteMessage message;
  while (ReceiveMessage(socket_, &message)) Deliver(message);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) continue;
  absl::MutexLock lock(&mutex_);
  if (closing_ || listener_ == nullptr) return;
  listener_->OnBroken(
      absl::InternalError(absl::StrCat("the process that starts ranks (pid ", pid_, ") ", DescribeEnd(status),
                                       ", and the ranks died with it; start the agent again")));
}

void Zygote::Deliver(const ZygoteMessage& message) {
  const bool ended = message.kind != ZygoteMessage::kStarted;
  const RankEnd end = ended ? Explain(message) : RankEnd();
  absl::MutexLock lock(&mutex_);
  if (listener_ == nullptr) return;
  if (ended) {
    listener_->OnEnded(message.id, end);
  } else {
    listener_->OnStarted(message.id, message.first);
  }
}

RankEnd Zygote::Explain(const ZygoteMessage& message) {
  Started started;
  {
    absl::MutexLock lock(&started_mutex_);
    started = std::move(started_[message.id]);
    started_.erase(message.id);
  }
  RankEnd end;
  if (message.kind == ZygoteMessage::kNotStarted) {
    end.exit_code = kRankUnavailable;
    end.last_words = absl::StrCat("cannot fork: ", std::strerror(message.first));
    return end;
  }
  end.exit_code = message.first;
  end.signal = message.second;
  end.out_of_memory = end.signal == SIGKILL && options_.out_of_memory_kills() > started.kills_before;
  if (EndedForAReason(end)) end.last_words = ReadLastWords(started.log);
  return end;
}

}  // namespace pretext
