#include "server/rpc/change_poller.h"

#include <utility>

namespace pretext {
namespace {

// How late a held call may notice that its time is up.
constexpr absl::Duration kLongestSleep = absl::Milliseconds(200);

absl::Status Stopping() {
  return absl::UnavailableError("the coordinator is stopping; call again, streams with their last cursor");
}

}  // namespace

ChangePoller::ChangePoller(Coordinator* coordinator, Clock* clock)
    : coordinator_(coordinator), clock_(clock), thread_([this] { Loop(); }) {}

ChangePoller::~ChangePoller() {
  Stop();
  thread_.join();
}

void ChangePoller::Add(std::shared_ptr<Waiter> waiter) {
  {
    absl::MutexLock lock(&mutex_);
    if (!stopping_) {
      waiters_.push_back(std::move(waiter));
      return;
    }
  }
  waiter->End(Stopping());
}

std::vector<std::shared_ptr<Waiter>> ChangePoller::Living() {
  absl::MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<Waiter>> living;
  std::vector<std::weak_ptr<Waiter>> kept;
  for (std::weak_ptr<Waiter>& waiter : waiters_) {
    std::shared_ptr<Waiter> alive = waiter.lock();
    if (alive == nullptr) continue;
    living.push_back(std::move(alive));
    kept.push_back(std::move(waiter));
  }
  waiters_ = std::move(kept);
  return living;
}

void ChangePoller::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (const std::shared_ptr<Waiter>& waiter : Living()) waiter->End(Stopping());
  coordinator_->WakeWaiters();
}

void ChangePoller::Loop() {
  int64_t seen = 0;
  while (true) {
    seen = coordinator_->WaitForChange(seen, clock_->Now() + kLongestSleep);
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
    }
    for (const std::shared_ptr<Waiter>& waiter : Living()) waiter->Poll(clock_->Now());
  }
}

}  // namespace pretext
