#ifndef PRETEXT_CLIENT_FOLLOWING_LIVE_SCREEN_H_
#define PRETEXT_CLIENT_FOLLOWING_LIVE_SCREEN_H_

#include <ostream>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace pretext {

// Lines that stay, and below them one that tells how things stand. On a terminal that one is redrawn;
// elsewhere it is written anew, but seldom. Thread-compatible.
class LiveScreen {
 public:
  // `out` outlives it.
  LiveScreen(std::ostream* out, bool is_terminal) : out_(out), is_terminal_(is_terminal) {}
  ~LiveScreen() { Close(); }
  LiveScreen(const LiveScreen&) = delete;
  LiveScreen& operator=(const LiveScreen&) = delete;

  // Writes `lines` and then `live`. Elsewhere than on a terminal `live` is left out, unless `topic` is
  // another than last time, or `live` is and ten seconds have passed. An empty `live` is none.
  void Show(const std::vector<std::string>& lines, const std::string& live, const std::string& topic,
            absl::Time now);
  // Takes the live line away.
  void Close();

 private:
  std::ostream* const out_;
  const bool is_terminal_;
  std::string live_;
  std::string topic_;
  absl::Time written_ = absl::InfinitePast();
};

}  // namespace pretext

#endif  // PRETEXT_CLIENT_FOLLOWING_LIVE_SCREEN_H_
