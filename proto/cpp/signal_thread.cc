#include "proto/cpp/signal_thread.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace pretext {
namespace {

sigset_t SetOf(const std::vector<int>& signals) {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : signals) sigaddset(&set, signal);
  return set;
}

}  // namespace

void BlockSignals(const std::vector<int>& signals) {
  const sigset_t set = SetOf(signals);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

SignalThread::SignalThread(const std::vector<int>& signals, std::function<void(int)> on_signal) {
  const sigset_t set = SetOf(signals);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC);
  end_ = eventfd(0, EFD_CLOEXEC);
  if (signals_ < 0 || end_ < 0) {
    // Only a process without a file descriptor left gets here; it can do nothing useful.
    std::perror("pretext: cannot wait for signals");
    std::abort();
  }
  thread_ = std::thread([this, on_signal = std::move(on_signal)] { Run(on_signal); });
}

SignalThread::~SignalThread() {
  const uint64_t one = 1;
  // Cannot fail: the counter is far from its limit.
  [[maybe_unused]] const ssize_t written = write(end_, &one, sizeof(one));
  thread_.join();
  close(signals_);
  close(end_);
}

void SignalThread::Run(const std::function<void(int)>& on_signal) {
  pollfd files[] = {{signals_, POLLIN, 0}, {end_, POLLIN, 0}};
  while (true) {
    if (poll(files, 2, -1) < 0) continue;  // interrupted
    if (files[1].revents != 0) return;
    signalfd_siginfo signal;
    if (read(signals_, &signal, sizeof(signal)) == sizeof(signal)) on_signal(signal.ssi_signo);
  }
}

}  // namespace pretext
