#include "proto/cpp/sha256.h"

#include <string>

#include "gtest/gtest.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

TEST(Sha256Test, GivesTheDigestsOfTheStandard) {
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Sha256Hex(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256Test, DoesNotDependOnHowTheBytesAreCut) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes.push_back(static_cast<char>(i * 7));
  for (size_t cut : {1u, 55u, 56u, 63u, 64u, 65u, 119u, 120u, 128u, 999u}) {
    Sha256 hash;
    for (size_t at = 0; at < bytes.size(); at += cut) hash.Update(absl::string_view(bytes).substr(at, cut));
    EXPECT_EQ(hash.HexDigest(), Sha256Hex(bytes)) << "cut every " << cut;
  }
}

TEST(Sha256Test, ACopyGoesItsOwnWay) {
  Sha256 hash;
  hash.Update("ab");
  Sha256 copy = hash;
  hash.Update("c");
  copy.Update("d");
  EXPECT_EQ(hash.HexDigest(), Sha256Hex("abc"));
  EXPECT_EQ(copy.HexDigest(), Sha256Hex("abd"));
}

TEST(Sha256Test, NamesAFileThatIsNotThere) {
  EXPECT_THAT(Sha256HexOfFile("/no/such/file"),
              StatusIs(absl::StatusCode::kNotFound, ::testing::HasSubstr("/no/such/file")));
}

}  // namespace
}  // namespace pretext
