#include "worker/dist/c10d_status.h"

#include <c10/util/Exception.h>

#include <exception>
#include <new>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/cpp/error_details.h"

namespace pretext {
namespace {

// Gloo begins with the place in its source: "[/pytorch/.../pair.cc:547] Connection closed by peer".
absl::string_view WithoutSource(absl::string_view message) {
  const size_t end =
      message.find(".cc:") == absl::string_view::npos ? absl::string_view::npos : message.find("] ");
  if (!absl::StartsWith(message, "[") || end == absl::string_view::npos) return message;
  return message.substr(end + 2);
}

}  // namespace

absl::Status PeerLost(absl::string_view collective, absl::string_view what) {
  return WithReason(absl::UnavailableError(what), "PEER_LOST", {{"collective", std::string(collective)}});
}

std::string CaughtMessage() {
  try {
    throw;
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  } catch (const std::exception& error) {
    return std::string(WithoutSource(error.what()));
  } catch (...) {
    return "an exception of unknown type";
  }
}

absl::Status CaughtStatus(absl::string_view collective, int rank, int world_size) {
  const std::string message = CaughtMessage();
  const std::string who = absl::StrCat("rank ", rank, " of ", world_size);
  const std::string lost = absl::StrCat(who, " lost a peer in ", collective, ": ", message);
  const std::string here = absl::StrCat(who, " in ", collective, ": ", message);
  try {
    throw;
  } catch (const c10::DistError&) {
    return PeerLost(collective, lost);
  } catch (const c10::OutOfMemoryError&) {
    return absl::ResourceExhaustedError(here);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(here);
  } catch (const c10::Error&) {
    return absl::InternalError(here);
  } catch (...) {
    // Gloo's own exceptions, whose types it keeps to itself, tell of closed connections and of time-outs.
    return PeerLost(collective, lost);
  }
}

}  // namespace pretext
