#ifndef PRETEXT_PROTO_CPP_SIGNAL_THREAD_H_
#define PRETEXT_PROTO_CPP_SIGNAL_THREAD_H_

#include <functional>
#include <thread>
#include <vector>

namespace pretext {

// Blocks `signals` in this thread and in those it starts from now on. First thing in main.
void BlockSignals(const std::vector<int>& signals);

// Meets signals on a thread of its own, where any code may run, unlike in a signal handler.
class SignalThread {
 public:
  // REQUIRES: every thread of the process has `signals` blocked. `on_signal` gets the number of each that
  // comes, one after the other; two of a kind that come at once count as one.
  SignalThread(const std::vector<int>& signals, std::function<void(int signal)> on_signal);
  // Waits for an `on_signal` that runs.
  ~SignalThread();

  SignalThread(const SignalThread&) = delete;
  SignalThread& operator=(const SignalThread&) = delete;

 private:
  void Run(const std::function<void(int)>& on_signal);

  int signals_ = -1;  // a signalfd
  int end_ = -1;      // an eventfd: the destructor has come
  std::thread thread_;
};

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_SIGNAL_THREAD_H_
