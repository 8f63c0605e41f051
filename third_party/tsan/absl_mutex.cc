// Tells ThreadSanitizer about absl::Mutex. Debian's Abseil is built without it, so that every access under an
// absl::Mutex would pass for a race.
//
// The program's own definitions of the locking functions stand before those of the library: they call the
// library's and say what was acquired or released. Conditions are evaluated by whichever thread unlocks,
// which is safe but looks unordered: what the library's functions do is not looked at.

#include <dlfcn.h>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);

// GDAL, which OpenCV brings along, takes two recursive locks of its own in both orders. Debian's gRPC is
// built without ThreadSanitizer, so that its atomics go unseen: accesses it makes itself are not judged.
// Frames of the code it calls are, since only a library's own accesses carry its name.
const char* __tsan_default_suppressions() {
  return "deadlock:libgdal.so\n"
         "race:libgrpc.so\n"
         "race:libgrpc++.so\n"
         "race:libgpr.so\n"
         "race:libabsl_graphcycles_internal.so\n"
         "race:libabsl_status.so\n"
         "race:libabsl_cord\n";
}
}

namespace {

class Unseen {
 public:
  Unseen() {
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  ~Unseen() {
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  }
};

// The library's function of this (mangled) name. Members take their object as the first argument.
template <typename Function>
Function* Library(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

#define PRETEXT_LIBRARY(type, name) static auto* const library = Library<type>("_ZN4absl7debian3" name)

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  PRETEXT_LIBRARY(void(Mutex*), "5Mutex4LockEv");
  Unseen unseen;
  library(this);
  __tsan_acquire(this);
}

void Mutex::Unlock() {
  PRETEXT_LIBRARY(void(Mutex*), "5Mutex6UnlockEv");
  __tsan_release(this);
  Unseen unseen;
  library(this);
}

bool Mutex::TryLock() {
  PRETEXT_LIBRARY(bool(Mutex*), "5Mutex7TryLockEv");
  const bool locked = library(this);
  if (locked) __tsan_acquire(this);
  return locked;
}

void Mutex::ReaderLock() {
  PRETEXT_LIBRARY(void(Mutex*), "5Mutex10ReaderLockEv");
  Unseen unseen;
  library(this);
  __tsan_acquire(this);
}

void Mutex::ReaderUnlock() {
  PRETEXT_LIBRARY(void(Mutex*), "5Mutex12ReaderUnlockEv");
  __tsan_release(this);
  Unseen unseen;
  library(this);
}

void Mutex::Await(const Condition& condition) {
  PRETEXT_LIBRARY(void(Mutex*, const Condition&), "5Mutex5AwaitERKNS0_9ConditionE");
  __tsan_release(this);
  Unseen unseen;
  library(this, condition);
  __tsan_acquire(this);
}

bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  PRETEXT_LIBRARY(bool(Mutex*, const Condition&, Time),
                  "5Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE");
  __tsan_release(this);
  Unseen unseen;
  const bool met = library(this, condition, deadline);
  __tsan_acquire(this);
  return met;
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  PRETEXT_LIBRARY(bool(Mutex*, const Condition&, Duration),
                  "5Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE");
  __tsan_release(this);
  Unseen unseen;
  const bool met = library(this, condition, timeout);
  __tsan_acquire(this);
  return met;
}

void Mutex::LockWhen(const Condition& condition) {
  PRETEXT_LIBRARY(void(Mutex*, const Condition&), "5Mutex8LockWhenERKNS0_9ConditionE");
  // Others evaluate this thread's condition: what it holds must be theirs to see.
  __tsan_release(this);
  Unseen unseen;
  library(this, condition);
  __tsan_acquire(this);
}

bool Mutex::LockWhenWithDeadline(const Condition& condition, Time deadline) {
  PRETEXT_LIBRARY(bool(Mutex*, const Condition&, Time),
                  "5Mutex20LockWhenWithDeadlineERKNS0_9ConditionENS0_4TimeE");
  __tsan_release(this);
  Unseen unseen;
  const bool met = library(this, condition, deadline);
  __tsan_acquire(this);
  return met;
}

bool Mutex::LockWhenWithTimeout(const Condition& condition, Duration timeout) {
  PRETEXT_LIBRARY(bool(Mutex*, const Condition&, Duration),
                  "5Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE");
  __tsan_release(this);
  Unseen unseen;
  const bool met = library(this, condition, timeout);
  __tsan_acquire(this);
  return met;
}

void CondVar::Wait(Mutex* mutex) {
  PRETEXT_LIBRARY(void(CondVar*, Mutex*), "7CondVar4WaitEPNS0_5MutexE");
  __tsan_release(mutex);
  Unseen unseen;
  library(this, mutex);
  __tsan_acquire(mutex);
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  PRETEXT_LIBRARY(bool(CondVar*, Mutex*, Time), "7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  __tsan_release(mutex);
  Unseen unseen;
  const bool late = library(this, mutex, deadline);
  __tsan_acquire(mutex);
  return late;
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  PRETEXT_LIBRARY(bool(CondVar*, Mutex*, Duration), "7CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
  __tsan_release(mutex);
  Unseen unseen;
  const bool late = library(this, mutex, timeout);
  __tsan_acquire(mutex);
  return late;
}

ABSL_NAMESPACE_END
}  // namespace absl
