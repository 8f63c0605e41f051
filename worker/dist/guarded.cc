#include "worker/dist/guarded.h"

#include <c10/util/Exception.h>

#include <exception>
#include <new>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/log.h"

namespace pretext {
namespace {

// How LibTorch's allocators and the libraries below it say so; there is a type for the GPU's alone.
bool TellsOfNoMemory(absl::string_view what) {
  const std::string lower = absl::AsciiStrToLower(what);
  for (const char* words : {"out of memory", "can't allocate memory", "could not allocate memory",
                            "not enough memory", "alloc_failed"}) {
    if (absl::StrContains(lower, words)) return true;
  }
  return false;
}

absl::Status OutOfMemory(absl::string_view what) {
  return WithReason(
      absl::ResourceExhaustedError(absl::StrCat(
          "out of memory: ", what,
          ". Choose a smaller batch_size, a larger accumulation (the same batch in more parts), a smaller "
          "image_size or backbone, or lower data.cache_bytes")),
      "OUT_OF_MEMORY");
}

absl::Status Fault(absl::string_view what, absl::string_view with_stack) {
  if (TellsOfNoMemory(what)) return OutOfMemory(what);
  Log(LogSeverity::kError, "exception caught", {{"what", with_stack}});
  return absl::InternalError(absl::StrCat("a fault of the program: ", what));
}

}  // namespace

absl::Status Guarded(absl::FunctionRef<absl::Status()> body) {
  try {
    return body();
  } catch (const c10::OutOfMemoryError& error) {
    return OutOfMemory(error.what_without_backtrace());
  } catch (const c10::DistError& error) {
    return WithReason(
        absl::UnavailableError(absl::StrCat("a collective failed: ", error.what_without_backtrace())),
        "PEER_LOST");
  } catch (const c10::Error& error) {
    return Fault(error.what_without_backtrace(), error.what());
  } catch (const std::bad_alloc& error) {
    return OutOfMemory("the machine has no more");
  } catch (const std::exception& error) {
    return Fault(error.what(), error.what());
  } catch (...) {
    return Fault("an exception of unknown type", "unknown");
  }
}

}  // namespace pretext
