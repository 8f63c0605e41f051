#include "worker/report/resume_proof.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

TEST(ResumeProofTest, SaysOnceThatTheLossIsTheSame) {
  ResumeProof proof(120);
  proof.Remember(121, 5.1234);
  proof.Remember(122, 5.2);
  const auto remark = proof.Compare(121, 5.1234);
  ASSERT_TRUE(remark.has_value());
  EXPECT_EQ(remark->severity, v1::LogLine::INFO);
  EXPECT_EQ(remark->text, "resumed after step 120: loss 5.1234 at step 121, the same as before");
  EXPECT_FALSE(proof.Compare(122, 9).has_value());
}

TEST(ResumeProofTest, WarnsWithBothNumbers) {
  ResumeProof proof(120);
  proof.Remember(121, 5.1234);
  const auto remark = proof.Compare(121, 5.2);
  ASSERT_TRUE(remark.has_value());
  EXPECT_EQ(remark->severity, v1::LogLine::WARNING);
  EXPECT_THAT(remark->text, HasSubstr("loss 5.2 at step 121, but 5.1234 before"));
}

TEST(ResumeProofTest, TellsRoundingFromAChange) {
  ResumeProof proof(120);
  proof.Remember(121, 5.1234);
  const auto remark = proof.Compare(121, 5.12341);
  ASSERT_TRUE(remark.has_value());
  EXPECT_EQ(remark->severity, v1::LogLine::INFO);
  EXPECT_THAT(remark->text, HasSubstr("but for rounding (2e-06)"));
}

TEST(ResumeProofTest, ComparesTheFirstStepThatWasDoneBefore) {
  ResumeProof proof(10);
  proof.Remember(15, 3.0);
  EXPECT_FALSE(proof.Compare(11, 4.0).has_value());
  ASSERT_TRUE(proof.Compare(15, 3.0).has_value());
}

TEST(ResumeProofTest, SaysNothingWhereNothingWasSuperseded) {
  EXPECT_FALSE(ResumeProof().Compare(1, 1).has_value());
}

}  // namespace
}  // namespace pretext
