#include "proto/cpp/message_digest.h"

#include <string>

#include "gtest/gtest.h"
#include "pretext/v1/job.pb.h"
#include "proto/cpp/sha256.h"

namespace pretext {
namespace {

v1::JobSpec WithLabels(int first, int step) {
  v1::JobSpec spec;
  for (int i = first; i >= 0 && i < 30; i += step) (*spec.mutable_labels())[std::to_string(i)] = "x";
  return spec;
}

TEST(MessageDigestTest, DoesNotDependOnTheOrderOfMapEntries) {
  EXPECT_EQ(DigestOfMessage(WithLabels(0, 1)), DigestOfMessage(WithLabels(29, -1)));
}

TEST(MessageDigestTest, IsThatOfTheSerializedMessage) {
  v1::JobSpec spec;
  EXPECT_EQ(DigestOfMessage(spec), Sha256Hex(""));
  spec.set_seed(1);
  EXPECT_EQ(DigestOfMessage(spec), Sha256Hex(spec.SerializeAsString()));
  EXPECT_NE(DigestOfMessage(spec), DigestOfMessage(v1::JobSpec()));
}

}  // namespace
}  // namespace pretext
