#include "server/rpc/artifacts.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/cpp/sha256.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ArtifactsTest : public ::testing::Test {
 protected:
  ArtifactsTest() {
    std::string folder = absl::StrCat(::testing::TempDir(), "/artifacts.XXXXXX");
    root_ = mkdtemp(folder.data());
    output_ = absl::StrCat(root_, "/out");
    std::filesystem::create_directories(output_ + "/exported");
    Write("out/log.txt", "line\n");
    Write("out/exported/backbone.safetensors", "weights");
    Write("secret", "not yours");
    std::filesystem::create_symlink(root_ + "/secret", output_ + "/link");
    std::filesystem::create_directory_symlink(root_, output_ + "/up");
  }
  void Write(const std::string& path, const std::string& text) { std::ofstream(root_ + "/" + path) << text; }

  std::string root_;
  std::string output_;
};

TEST_F(ArtifactsTest, ListsFilesAndFollowsNoLinks) {
  ASSERT_OK_AND_ASSIGN(const std::vector<v1::Artifact> artifacts, FindArtifacts(output_));
  ASSERT_EQ(artifacts.size(), 2);
  EXPECT_EQ(artifacts[0].path(), "exported/backbone.safetensors");
  EXPECT_EQ(artifacts[0].bytes(), 7);
  EXPECT_GT(artifacts[0].modify_time().seconds(), 0);
  EXPECT_EQ(artifacts[1].path(), "log.txt");
}

TEST_F(ArtifactsTest, FindsNothingBeforeTheJobHasWritten) {
  ASSERT_OK_AND_ASSIGN(const std::vector<v1::Artifact> artifacts, FindArtifacts(root_ + "/later"));
  EXPECT_THAT(artifacts, IsEmpty());
}

TEST_F(ArtifactsTest, RefusesPathsThatLeaveTheFolder) {
  for (const std::string path : {"../secret", "exported/../../secret", "/etc/passwd", "link", "up/secret"}) {
    EXPECT_THAT(ResolveArtifact(output_, path),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("leaves the job's output folder")))
        << path;
  }
  EXPECT_THAT(ResolveArtifact(output_, ""), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ResolveArtifact(output_, "none"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(ResolveArtifact(output_, "exported"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_OK(ResolveArtifact(output_, "exported/../log.txt").status());
}

TEST_F(ArtifactsTest, GivesTheDigestOfTheWholeFileFromAnyOffset) {
  const std::string text(10'000, 'x');
  Write("out/big", text);
  for (const int64_t offset : {0, 1, 4096, 10'000}) {
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ArtifactReader> reader,
                         ArtifactReader::Open(output_, "big", offset));
    std::string all, chunk;
    do {
      ASSERT_OK(reader->Read(3000, &chunk));
      all += chunk;
    } while (!chunk.empty());
    EXPECT_EQ(all.size(), text.size() - offset);
    EXPECT_EQ(reader->HexDigest(), Sha256Hex(text));
  }
  EXPECT_THAT(ArtifactReader::Open(output_, "big", 10'001).status(), StatusIs(absl::StatusCode::kOutOfRange));
}

TEST_F(ArtifactsTest, SaysWhenAFileIsCutWhileItIsRead) {
  Write("out/big", std::string(5000, 'x'));
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ArtifactReader> reader, ArtifactReader::Open(output_, "big", 0));
  std::string chunk;
  ASSERT_OK(reader->Read(1000, &chunk));
  std::filesystem::resize_file(output_ + "/big", 1200);
  EXPECT_THAT(reader->Read(1000, &chunk), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("shorter")));
}

TEST_F(ArtifactsTest, KnowsACheckpointThatWasRemoved) {
  EXPECT_FALSE(WasRemoved(output_, output_ + "/exported"));
  EXPECT_TRUE(WasRemoved(output_, output_ + "/checkpoints/pretrain/step-000000001"));
  EXPECT_FALSE(WasRemoved("/on/another/machine", "/on/another/machine/checkpoints/x"));
}

}  // namespace
}  // namespace pretext
