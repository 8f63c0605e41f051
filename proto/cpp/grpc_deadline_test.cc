#include "proto/cpp/grpc_deadline.h"

#include "gtest/gtest.h"
#include "proto/cpp/clock.h"

namespace pretext {
namespace {

TEST(GrpcDeadlineTest, CountsFromNow) {
  grpc::ClientContext context;
  const absl::Time before = RealClock()->Now();
  SetDeadline(&context, absl::Minutes(3));
  const absl::Time after = RealClock()->Now();
  const absl::Time deadline = absl::FromChrono(context.deadline());
  EXPECT_GE(deadline, before + absl::Minutes(3));
  EXPECT_LE(deadline, after + absl::Minutes(3));
}

TEST(GrpcDeadlineTest, AnInfiniteTimeoutIsNone) {
  grpc::ClientContext context;
  SetDeadline(&context, absl::InfiniteDuration());
  EXPECT_EQ(context.deadline(), std::chrono::system_clock::time_point::max());
}

}  // namespace
}  // namespace pretext
