#include "client/commands/results/download.h"

#include "client/commands/fake_command_line.h"
#include "gmock/gmock.h"

namespace pretext {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class DownloadTest : public ::testing::Test {
 protected:
  DownloadTest() {
    fake_.AddJob("jobs/1", v1::Job::SUCCEEDED);
    fake_.client.artifacts = {
        {"exported/backbone.safetensors", "0123456789"}, {"exported/README.md", "read"}, {"log.txt", "log"}};
  }
  FakeCommandLine fake_;
};

TEST_F(DownloadTest, ListsWhatThereIs) {
  EXPECT_EQ(fake_.Run({"download", "1"}), 0);
  EXPECT_THAT(fake_.out.str(), HasSubstr("10 B    -  exported/backbone.safetensors\n"));
  EXPECT_THAT(fake_.client.calls, Not(Contains(HasSubstr("DownloadArtifact"))));
}

TEST_F(DownloadTest, GetsFilesAndFolders) {
  EXPECT_EQ(fake_.Run({"download", "1", "log.txt"}), 0);
  EXPECT_EQ(FakeCommandLine::Read(fake_.Path("log.txt")), "log");
  EXPECT_EQ(fake_.Run({"download", "1", "exported/", "--to", "here/now"}), 0);
  EXPECT_EQ(FakeCommandLine::Read(fake_.Path("here/now/exported/backbone.safetensors")), "0123456789");
  EXPECT_EQ(FakeCommandLine::Read(fake_.Path("here/now/exported/README.md")), "read");
  EXPECT_FALSE(std::filesystem::exists(fake_.Path("here/now/log.txt")));
  EXPECT_FALSE(std::filesystem::exists(fake_.Path("here/now/exported/README.md.part")));
}

TEST_F(DownloadTest, GoesOnWhereItWasCut) {
  fake_.Write("exported/backbone.safetensors", "the old one");
  fake_.client.download_cut = 6;
  EXPECT_EQ(fake_.Run({"download", "1", "exported/backbone.safetensors"}), 69);
  EXPECT_EQ(FakeCommandLine::Read(fake_.Path("exported/backbone.safetensors")), "the old one");
  fake_.client.download_cut = std::string::npos;
  EXPECT_EQ(fake_.Run({"download", "1", "exported/backbone.safetensors"}), 0);
  EXPECT_EQ(FakeCommandLine::Read(fake_.Path("exported/backbone.safetensors")), "0123456789");
  EXPECT_THAT(fake_.client.calls, Contains("DownloadArtifact jobs/1 exported/backbone.safetensors from 6"));
}

TEST_F(DownloadTest, BeginsAnewWhenTheFileHasChangedMeanwhile) {
  for (const char* beginning : {"another", "another, and a longer one than it has now"}) {
    fake_.Write("log.txt.part", beginning);
    EXPECT_EQ(fake_.Run({"download", "1", "log.txt"}), 0) << fake_.err.str();
    EXPECT_EQ(FakeCommandLine::Read(fake_.Path("log.txt")), "log");
  }
}

TEST_F(DownloadTest, NamesTheNearestFile) {
  EXPECT_EQ(fake_.Run({"download", "1", "logs.txt"}), 66);
  EXPECT_THAT(fake_.err.str(), HasSubstr("did you mean log.txt?"));
}

TEST_F(DownloadTest, NeverWritesOutsideItsFolder) {
  fake_.client.artifacts = {{"../evil", "x"}};
  EXPECT_EQ(fake_.Run({"download", "1", "--all"}), 70);
  fake_.client.artifacts = {{"/tmp/evil", "x"}};
  EXPECT_EQ(fake_.Run({"download", "1", "--all"}), 70);
}

TEST_F(DownloadTest, AFileThatCannotBeWrittenHasItsOwnExitCode) {
  fake_.Write("target", "a file, where a folder is wanted");
  EXPECT_EQ(fake_.Run({"download", "1", "log.txt", "--to", "target"}), 73);
  EXPECT_THAT(fake_.err.str(), HasSubstr(fake_.Path("target")));
}

}  // namespace
}  // namespace pretext
