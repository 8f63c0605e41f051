#include "proto/cpp/retry_policy.h"

#include "gtest/gtest.h"

namespace pretext {
namespace {

RetryPolicy WithoutJitter() {
  RetryPolicy policy;
  policy.first_delay = absl::Milliseconds(100);
  policy.factor = 2;
  policy.longest_delay = absl::Milliseconds(500);
  policy.jitter = 0;
  return policy;
}

TEST(BackoffTest, GrowsByTheFactorUpToTheLongestDelay) {
  Backoff backoff(WithoutJitter(), /*seed=*/1);
  for (int want_milliseconds : {100, 200, 400, 500, 500}) {
    EXPECT_EQ(backoff.Next(), absl::Milliseconds(want_milliseconds));
  }
}

TEST(BackoffTest, StartsAgainAfterASuccess) {
  Backoff backoff(WithoutJitter(), /*seed=*/1);
  backoff.Next();
  backoff.Next();
  backoff.Reset();
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(100));
}

TEST(BackoffTest, JitterStaysWithinItsShareAndFollowsTheSeed) {
  RetryPolicy policy = WithoutJitter();
  policy.factor = 1;
  policy.jitter = 0.2;
  Backoff a(policy, /*seed=*/7), same(policy, /*seed=*/7), other(policy, /*seed=*/8);
  absl::Duration shortest = absl::InfiniteDuration(), longest = absl::ZeroDuration();
  bool differs = false;
  for (int i = 0; i < 1000; ++i) {
    const absl::Duration delay = a.Next();
    EXPECT_EQ(delay, same.Next());
    differs |= delay != other.Next();
    shortest = std::min(shortest, delay);
    longest = std::max(longest, delay);
  }
  EXPECT_TRUE(differs);
  EXPECT_GE(shortest, absl::Milliseconds(80));
  EXPECT_LT(shortest, absl::Milliseconds(82));
  EXPECT_LE(longest, absl::Milliseconds(120));
  EXPECT_GT(longest, absl::Milliseconds(118));
}

TEST(BackoffTest, DoesNotOverflowAfterManyFailures) {
  Backoff backoff(WithoutJitter(), /*seed=*/1);
  for (int i = 0; i < 100000; ++i) backoff.Next();
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(500));
}

TEST(RetryPolicyTest, OnlyUnavailableIsRetried) {
  for (int code = 0; code <= 16; ++code) {
    EXPECT_EQ(IsRetryable(absl::Status(static_cast<absl::StatusCode>(code), "")), code == 14) << code;
  }
}

}  // namespace
}  // namespace pretext
