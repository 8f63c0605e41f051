#ifndef PRETEXT_WORKER_AGENT_ZYGOTE_WIRE_H_
#define PRETEXT_WORKER_AGENT_ZYGOTE_WIRE_H_

#include <cstdint>
#include <string>

namespace pretext {

// What agent and zygote say to each other over a stream socket. Both are the same program, so fields travel
// as they lie in memory.
struct ZygoteMessage {
  enum Kind : int32_t {
    // To the zygote.
    kStart = 1,   // log: file that gets the rank's output; body: a serialised v1::RankAssignment
    kSignal = 2,  // first: the signal
    // From the zygote.
    kStarted = 3,     // first: its pid
    kNotStarted = 4,  // first: errno
    kEnded = 5,       // first: exit code, second: signal
  };
  Kind kind = kStart;
  int64_t id = 0;  // of the rank, the agent's
  int32_t first = 0;
  int32_t second = 0;
  std::string log;
  std::string body;
};

// Both wait until the whole message is through. False: the other end is gone. Neither raises SIGPIPE.
bool SendMessage(int socket, const ZygoteMessage& message);
bool ReceiveMessage(int socket, ZygoteMessage* message);

}  // namespace pretext

#endif  // PRETEXT_WORKER_AGENT_ZYGOTE_WIRE_H_
