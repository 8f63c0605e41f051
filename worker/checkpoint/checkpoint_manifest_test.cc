#include "worker/checkpoint/checkpoint_manifest.h"

#include <limits>

#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

CheckpointManifest Example() {
  CheckpointManifest manifest;
  manifest.position = {"pretrain", 1, 1200, 4, 3, "0123abcd"};
  manifest.created = absl::FromUnixMillis(1'700'000'000'123);
  manifest.facts = {{"world_size", 2}, {"rate", 0.1}, {"data", "f00d"}, {"seed", 18446744073709551615u}};
  manifest.files = {{"backbone.safetensors", {4096, "aa"}}, {"optimizer.safetensors", {8192, "bb"}}};
  return manifest;
}

TEST(CheckpointManifestTest, ReadsBackWhatItWrote) {
  ASSERT_OK_AND_ASSIGN(const std::string text, FormatManifest(Example()));
  ASSERT_OK_AND_ASSIGN(const CheckpointManifest read, ParseManifest(text));
  EXPECT_EQ(read.position.stage, "pretrain");
  EXPECT_EQ(read.position.stage_index, 1);
  EXPECT_EQ(read.position.step, 1200);
  EXPECT_EQ(read.position.epoch, 4);
  EXPECT_EQ(read.position.attempt, 3);
  EXPECT_EQ(read.position.job_digest, "0123abcd");
  EXPECT_EQ(read.created, Example().created);
  EXPECT_EQ(read.facts, Example().facts);
  ASSERT_EQ(read.files.size(), 2);
  EXPECT_EQ(read.files.at("optimizer.safetensors").bytes, 8192);
  EXPECT_EQ(read.files.at("optimizer.safetensors").sha256, "bb");
}

TEST(CheckpointManifestTest, EqualManifestsGiveEqualBytesButForTheTime) {
  CheckpointManifest later = Example();
  later.created += absl::Hours(1);
  ASSERT_OK_AND_ASSIGN(std::string first, FormatManifest(Example()));
  ASSERT_OK_AND_ASSIGN(std::string second, FormatManifest(later));
  EXPECT_EQ(first, FormatManifest(Example()).value());
  EXPECT_NE(first, second);
  const auto without_time = [](std::string text) {
    const size_t begin = text.find("\"created\"");
    return text.erase(begin, text.find('\n', begin) - begin);
  };
  EXPECT_EQ(without_time(first), without_time(second));
}

// Blanks may change; nothing that is read may.
TEST(CheckpointManifestTest, NoFlippedByteChangesWhatIsRead) {
  ASSERT_OK_AND_ASSIGN(const std::string text, FormatManifest(Example()));
  const size_t time_begin = text.find("\"created\"");
  const size_t time_end = text.find('\n', time_begin);
  for (size_t i = 0; i < text.size(); ++i) {
    for (const int bit : {1, 2, 16}) {
      std::string altered = text;
      altered[i] = static_cast<char>(altered[i] ^ bit);
      const absl::StatusOr<CheckpointManifest> read = ParseManifest(altered);
      if (!read.ok()) {
        EXPECT_THAT(read, StatusIs(absl::StatusCode::kDataLoss));
        continue;
      }
      CheckpointManifest same = *read;
      if (i > time_begin && i < time_end) same.created = Example().created;
      EXPECT_EQ(FormatManifest(same).value(), text) << "byte " << i;
    }
  }
}

TEST(CheckpointManifestTest, EveryCutIsDataLoss) {
  ASSERT_OK_AND_ASSIGN(const std::string text, FormatManifest(Example()));
  for (size_t length = 0; length + 1 < text.size(); ++length) {
    EXPECT_THAT(ParseManifest(text.substr(0, length)), StatusIs(absl::StatusCode::kDataLoss)) << length;
  }
}

TEST(CheckpointManifestTest, AnotherFormatIsRefused) {
  EXPECT_THAT(ParseManifest("{\"format\": 2}"),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("another version")));
  EXPECT_THAT(ParseManifest("[]"), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(CheckpointManifestTest, FactsThatJsonCannotHoldAreRefused) {
  CheckpointManifest manifest = Example();
  manifest.facts["rate"] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(FormatManifest(manifest),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not finite")));
  manifest.facts["rate"] = "\xff\xfe";
  EXPECT_THAT(FormatManifest(manifest), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(CheckpointManifestTest, FurtherIsByStageThenStep) {
  const CheckpointPosition first{"a", 0, 900, 0, 2, ""}, second{"b", 1, 10, 0, 1, ""},
      third{"b", 1, 20, 0, 1, ""};
  EXPECT_TRUE(IsFurther(second, first));
  EXPECT_TRUE(IsFurther(third, second));
  EXPECT_FALSE(IsFurther(first, third));
  EXPECT_FALSE(IsFurther(first, first));
}

}  // namespace
}  // namespace pretext
