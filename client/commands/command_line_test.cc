#include "client/commands/command_line.h"

#include <set>

#include "client/commands/fake_command_line.h"
#include "client/commands/registry.h"
#include "gmock/gmock.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(CommandLineTest, HelpListsEveryCommandAndTheExitCodes) {
  FakeCommandLine fake;
  EXPECT_EQ(fake.Run({"--help"}), 0);
  for (const CommandEntry& entry : Commands()) {
    EXPECT_THAT(fake.out.str(), HasSubstr(absl::StrCat("  ", entry.name, " "))) << entry.name;
  }
  EXPECT_THAT(fake.out.str(), HasSubstr("69 no coordinator answers"));
  EXPECT_THAT(fake.patiences, IsEmpty()) << "help needs no coordinator";
}

TEST(CommandLineTest, EveryCommandExplainsItself) {
  std::set<std::string> names;
  for (const CommandEntry& entry : Commands()) {
    EXPECT_TRUE(names.emplace(entry.name).second) << entry.name << " is there twice";
    FakeCommandLine fake;
    EXPECT_EQ(fake.Run({std::string(entry.name), "--help"}), 0);
    EXPECT_THAT(fake.out.str(), HasSubstr(entry.summary));
    const std::string said = fake.out.str();
    EXPECT_EQ(fake.Run({"help", std::string(entry.name)}), 0);
    EXPECT_EQ(fake.out.str(), said);
  }
}

TEST(CommandLineTest, HelpFitsATerminal) {
  FakeCommandLine fake;
  for (const CommandEntry& entry : Commands()) {
    fake.Run({std::string(entry.name), "--help"});
    std::istringstream lines(fake.out.str());
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 110) << line;
  }
}

TEST(CommandLineTest, AnUnknownCommandIsAnErrorWithTheNearestName) {
  FakeCommandLine fake;
  EXPECT_EQ(fake.Run({"jbos"}), 64);
  EXPECT_THAT(fake.err.str(), HasSubstr("there is no command 'jbos'; did you mean jobs?"));
  EXPECT_EQ(fake.Run({"frobnicate"}), 64);
  EXPECT_THAT(fake.err.str(), HasSubstr("`pretext --help` lists them"));
}

TEST(CommandLineTest, EveryUnknownOptionIsAnErrorWithTheNearestName) {
  FakeCommandLine fake;
  EXPECT_EQ(fake.Run({"pretrain", "--dta", "x", "--epohcs=3"}), 64);
  EXPECT_THAT(fake.err.str(), HasSubstr("there is no option --dta; did you mean --data?"));
  EXPECT_THAT(fake.err.str(), HasSubstr("there is no option --epohcs; did you mean --epochs?"));
  EXPECT_THAT(fake.client.created, IsEmpty());
  EXPECT_EQ(fake.Run({"jobs", "--filtr", "x"}), 64);
  EXPECT_THAT(fake.err.str(), HasSubstr("pretext jobs: there is no option --filtr; did you mean --filter?"));
}

TEST(CommandLineTest, SaysWhatIsMissingOrTooMuch) {
  FakeCommandLine fake;
  EXPECT_EQ(fake.Run({"status"}), 64);
  EXPECT_THAT(fake.err.str(), HasSubstr("pretext status: JOB is required"));
  EXPECT_EQ(fake.Run({"status", "a", "b"}), 64);
  EXPECT_THAT(fake.err.str(), HasSubstr("'b' is one argument too many"));
  EXPECT_EQ(fake.Run({"jobs", "-o", "jsn"}), 64);
  EXPECT_THAT(fake.err.str(), HasSubstr("did you mean json?"));
}

TEST(CommandLineTest, TheServerMayBeNamedBeforeAndBehindTheCommand) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--server", "host:1", "jobs"}, {"jobs", "--server", "host:1"}}) {
    FakeCommandLine fake;
    EXPECT_EQ(fake.Run(words), 0);
    EXPECT_EQ(fake.context.server, "host:1");
  }
}

TEST(CommandLineTest, ErrorsBecomeExitCodes) {
  const std::pair<absl::Status, int> kCases[] = {
      {absl::InvalidArgumentError("x"), 64}, {absl::NotFoundError("x"), 66},
      {absl::UnavailableError("x"), 69},     {absl::FailedPreconditionError("x"), 1},
      {absl::InternalError("x"), 70},
  };
  for (const auto& [status, code] : kCases) {
    FakeCommandLine fake;
    fake.client.failure = status;
    EXPECT_EQ(fake.Run({"jobs"}), code);
    EXPECT_EQ(fake.err.str(), "pretext: x\n");
    EXPECT_EQ(fake.out.str(), "");
  }
}

TEST(CommandLineTest, ACoordinatorThatCannotBeReachedIsSaidOnce) {
  FakeCommandLine fake;
  fake.reach_failure = absl::UnavailableError("the coordinator did not start");
  EXPECT_EQ(fake.Run({"jobs"}), 69);
  EXPECT_EQ(fake.err.str(), "pretext: the coordinator did not start\n");
}

TEST(CommandLineTest, CompletionKnowsEveryCommandAndItsOptions) {
  FakeCommandLine fake;
  for (const char* shell : {"bash", "zsh", "fish"}) {
    EXPECT_EQ(fake.Run({"completion", shell}), 0);
    for (const CommandEntry& entry : Commands()) EXPECT_THAT(fake.out.str(), HasSubstr(entry.name));
    EXPECT_THAT(fake.out.str(), HasSubstr("max-steps"));
  }
  EXPECT_EQ(fake.Run({"completion", "bsh"}), 64);
  EXPECT_THAT(fake.err.str(), HasSubstr("did you mean bash?"));
}

TEST(CommandLineTest, WhatIsNotUtf8IsRefusedBeforeItTravels) {
  FakeCommandLine fake;
  EXPECT_EQ(fake.Run({"status", "caf\xe9"}), 64);
  EXPECT_THAT(fake.err.str(), ::testing::HasSubstr("the argument 'caf\\xE9' is not UTF-8"));
  fake.context.state_directory = "/state\xff";
  EXPECT_EQ(fake.Run({"jobs"}), 64);
  EXPECT_THAT(fake.err.str(), ::testing::HasSubstr("set PRETEXT_STATE"));
  EXPECT_TRUE(fake.client.calls.empty());
}

}  // namespace
}  // namespace pretext
