#include "proto/cpp/grpc_status.h"

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(GrpcStatusTest, OkStaysOk) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_OK(FromGrpcStatus(grpc::Status::OK));
}

TEST(GrpcStatusTest, KeepsEveryCodeAndTheMessage) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "why");
    const grpc::Status sent = ToGrpcStatus(status);
    EXPECT_EQ(sent.error_code(), code);
    EXPECT_EQ(sent.error_message(), "why");
    EXPECT_EQ(FromGrpcStatus(sent).code(), status.code());
    EXPECT_EQ(FromGrpcStatus(sent).message(), "why");
  }
}

TEST(GrpcStatusTest, CarriesFieldViolationsAcross) {
  FieldViolations violations;
  violations.Add("name", "must not be empty");
  violations.Add("seed", "must be even");
  const absl::Status back = FromGrpcStatus(ToGrpcStatus(violations.ToStatus("INVALID_SPEC")));
  EXPECT_THAT(back,
              StatusIs(absl::StatusCode::kInvalidArgument, "name: must not be empty\nseed: must be even"));
  EXPECT_THAT(GetFieldViolations(back), ElementsAre(FieldViolation{"name", "must not be empty"},
                                                    FieldViolation{"seed", "must be even"}));
  EXPECT_EQ(GetReason(back), "INVALID_SPEC");
}

TEST(GrpcStatusTest, EveryErrorSentCarriesAnErrorInfo) {
  const grpc::Status sent = ToGrpcStatus(absl::NotFoundError("no job"));
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(sent.error_details()));
  EXPECT_EQ(details.code(), 5);
  ASSERT_EQ(details.details_size(), 1);
  EXPECT_EQ(details.details(0).type_url(), "type.googleapis.com/google.rpc.ErrorInfo");
  google::rpc::ErrorInfo cause;
  ASSERT_TRUE(details.details(0).UnpackTo(&cause));
  EXPECT_EQ(cause.reason(), "NOT_FOUND");
  EXPECT_EQ(cause.domain(), "pretext");
}

TEST(ErrorDetailsTest, NothingAddedIsOk) { EXPECT_OK(FieldViolations().ToStatus()); }

TEST(ErrorDetailsTest, ReplacesAnEarlierReasonAndKeepsTheViolations) {
  FieldViolations violations;
  violations.Add("name", "is taken");
  const absl::Status status = WithReason(violations.ToStatus("FIRST"), "SECOND", {{"job", "jobs/1"}});
  EXPECT_EQ(GetReason(status), "SECOND");
  EXPECT_THAT(GetFieldViolations(status), ElementsAre(FieldViolation{"name", "is taken"}));
}

TEST(ErrorDetailsTest, BrokenDetailsAreNone) {
  const absl::Status status =
      FromGrpcStatus(grpc::Status(grpc::StatusCode::INTERNAL, "x", "\xff\xff not a message"));
  EXPECT_THAT(GetFieldViolations(status), IsEmpty());
  EXPECT_EQ(GetReason(status), "");
}

}  // namespace
}  // namespace pretext
