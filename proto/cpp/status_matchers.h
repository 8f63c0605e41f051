#ifndef PRETEXT_PROTO_CPP_STATUS_MATCHERS_H_
#define PRETEXT_PROTO_CPP_STATUS_MATCHERS_H_

// gMock matchers for absl::Status, shaped like Abseil's later ones. Tests only.

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pretext {

inline const absl::Status& GetStatus(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& GetStatus(const absl::StatusOr<T>& result) {
  return result.status();
}

MATCHER(IsOk, "is OK") {
  *result_listener << GetStatus(arg).ToString();
  return GetStatus(arg).ok();
}

// StatusIs(code): any message. StatusIs(code, matcher): the message too.
MATCHER_P2(StatusIs, code, message_matcher, "") {
  const absl::Status& status = GetStatus(arg);
  *result_listener << status.ToString();
  return status.code() == code &&
         ::testing::SafeMatcherCast<std::string>(message_matcher).Matches(std::string(status.message()));
}
inline auto StatusIs(absl::StatusCode code) {
  return StatusIs<absl::StatusCode, ::testing::internal::AnythingMatcher>(code, ::testing::_);
}

#define PRETEXT_CONCAT_NAME_(a, b) PRETEXT_CONCAT_NAME_TWICE_(a, b)
#define PRETEXT_CONCAT_NAME_TWICE_(a, b) a##b
// Fails the test when the StatusOr is an error; else moves its value into `target`.
#define ASSERT_OK_AND_ASSIGN(target, expression) \
  ASSERT_OK_AND_ASSIGN_(PRETEXT_CONCAT_NAME_(test_status_or_, __LINE__), target, expression)
#define ASSERT_OK_AND_ASSIGN_(result, target, expression) \
  auto result = (expression);                             \
  ASSERT_TRUE(result.ok()) << result.status();            \
  target = *std::move(result)
#define ASSERT_OK(expression) ASSERT_THAT((expression), ::pretext::IsOk())
#define EXPECT_OK(expression) EXPECT_THAT((expression), ::pretext::IsOk())

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_STATUS_MATCHERS_H_
