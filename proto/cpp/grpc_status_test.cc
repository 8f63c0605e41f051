#include "proto/cpp/grpc_status.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
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

// What gRPC puts on the wire of an error: the message percent-encoded, the details in base64.
size_t WireBytes(const grpc::Status& sent) {
  size_t bytes = sent.error_details().size() * 4 / 3 + 4;
  for (const unsigned char c : sent.error_message()) bytes += c >= 0x20 && c < 0x7F && c != '%' ? 1 : 3;
  return bytes;
}
constexpr size_t kMostWireBytes = 7 << 10;

TEST(GrpcStatusTest, HundredsOfFaultsFitIntoAnAnswer) {
  for (const char* letters : {"abc ", "äöü", "%%%"}) {
    FieldViolations violations;
    for (int i = 0; i < 300; ++i) violations.Add(absl::StrCat("stages[", i, "].name"), letters);
    const grpc::Status sent = ToGrpcStatus(violations.ToStatus());
    EXPECT_LT(WireBytes(sent), kMostWireBytes);
    const std::vector<FieldViolation> told = GetFieldViolations(FromGrpcStatus(sent));
    EXPECT_GT(told.size(), 20);
    EXPECT_EQ(told.back().description, absl::StrCat("... and ", 301 - told.size(), " more faults"));
    EXPECT_EQ(told.back().field, "");
    EXPECT_EQ(violations.all().size(), 300) << "who did not have to send them has them all";
  }
}

TEST(GrpcStatusTest, LongFaultsAndMessagesFitIntoAnAnswer) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "ä";
  FieldViolations violations;
  for (int i = 0; i < 3; ++i) violations.Add(text, text);
  EXPECT_LT(WireBytes(ToGrpcStatus(violations.ToStatus())), kMostWireBytes);
  const grpc::Status sent = ToGrpcStatus(WithReason(absl::NotFoundError(text), "GONE", {{"job", text}}));
  EXPECT_LT(WireBytes(sent), kMostWireBytes);
  EXPECT_EQ(GetReason(FromGrpcStatus(sent)), "GONE");
  EXPECT_EQ(sent.error_message().substr(sent.error_message().size() - 5), "ä...");
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
