#ifndef PRETEXT_PROTO_CPP_STATUS_MACROS_H_
#define PRETEXT_PROTO_CPP_STATUS_MACROS_H_

// The two macros that absl::Status code is written with; Debian's Abseil has none.

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns from the enclosing function when `expression` is an error.
#define PRETEXT_RETURN_IF_ERROR(expression)          \
  do {                                               \
    absl::Status pretext_status = (expression);      \
    if (!pretext_status.ok()) return pretext_status; \
  } while (false)

// Evaluates a StatusOr; returns its error, or moves its value into `target` (a declaration or an lvalue).
#define PRETEXT_ASSIGN_OR_RETURN(target, expression) \
  PRETEXT_ASSIGN_OR_RETURN_(PRETEXT_CONCAT_(pretext_status_or_, __LINE__), target, expression)

#define PRETEXT_ASSIGN_OR_RETURN_(result, target, expression) \
  auto result = (expression);                                 \
  if (!result.ok()) return std::move(result).status();        \
  target = *std::move(result)
#define PRETEXT_CONCAT_(a, b) PRETEXT_CONCAT_TWICE_(a, b)
#define PRETEXT_CONCAT_TWICE_(a, b) a##b

#endif  // PRETEXT_PROTO_CPP_STATUS_MACROS_H_
