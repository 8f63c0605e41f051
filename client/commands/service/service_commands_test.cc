// tasks and serve, which run other programs; and where the coordinator is.

#include <sys/stat.h>

#include "client/commands/fake_command_line.h"
#include "client/session/coordinator_connection.h"
#include "client/session/embedded_coordinator.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kCatalogue[] = R"([
  {"name": "moco", "summary": "tell two views", "needs": "any pictures",
   "options": [{"name": "queue_length", "type": "int32"}]},
  {"name": "rotation", "summary": "predict turns", "needs": "an up and a down", "options": []}
])";

// `path` becomes a program that does nothing.
void MakeProgram(FakeCommandLine* fake, const std::string& path) {
  chmod(fake->Write(path, "#!/bin/sh\n").c_str(), 0755);
}

TEST(TasksTest, ShowsTheWorkersCatalogue) {
  FakeCommandLine fake;
  MakeProgram(&fake, "bin/pretext-worker");
  fake.capture_answer = kCatalogue;
  EXPECT_EQ(fake.Run({"tasks"}), 0) << fake.err.str();
  EXPECT_THAT(fake.captured, ElementsAre(ElementsAre(fake.Path("bin/pretext-worker"), "tasks")));
  EXPECT_THAT(fake.out.str(), HasSubstr("TASK      ASKS TO         NEEDS\n"
                                        "moco      tell two views  any pictures\n"
                                        "rotation  predict turns   an up and a down\n"));
  EXPECT_EQ(fake.Run({"tasks", "-o", "json"}), 0);
  EXPECT_EQ(nlohmann::json::parse(fake.out.str()), nlohmann::json::parse(kCatalogue));
}

TEST(TasksTest, ShowsOneTasksOptions) {
  FakeCommandLine fake;
  MakeProgram(&fake, "worker/pretext-worker");  // as in a build tree
  std::filesystem::create_directory(fake.Path("bin"));
  fake.capture_answer = kCatalogue;
  EXPECT_EQ(fake.Run({"tasks", "moco"}), 0) << fake.err.str();
  EXPECT_THAT(fake.out.str(), HasSubstr("OPTION        TYPE   DEFAULT\nqueue_length  int32  by the data\n"));
  EXPECT_EQ(fake.Run({"tasks", "mocco"}), 66);
  EXPECT_THAT(fake.err.str(), HasSubstr("did you mean moco?"));
}

TEST(TasksTest, ShowsDefaultsOfWhatStandsWithinAnOption) {
  FakeCommandLine fake;
  MakeProgram(&fake, "bin/pretext-worker");
  fake.capture_answer = R"([{"name": "rotation", "summary": "turns", "needs": "pictures",
      "options": [{"name": "augment", "type": "AugmentSpec"}, {"name": "newer", "type": "int32"}]}])";
  EXPECT_EQ(fake.Run({"tasks", "rotation"}), 0) << fake.err.str();
  EXPECT_THAT(fake.out.str(), ::testing::ContainsRegex("augment +AugmentSpec\n"));
  EXPECT_THAT(fake.out.str(), ::testing::ContainsRegex("augment.flip_probability +0.5\n"));
  EXPECT_THAT(fake.out.str(), ::testing::ContainsRegex("newer +int32\n")) << "of a newer worker";
}

TEST(TasksTest, SaysWhichTasksFitThePictures) {
  FakeCommandLine fake;
  MakeProgram(&fake, "bin/pretext-worker");
  std::filesystem::create_directory(fake.Path("pictures"));
  fake.capture_answer = R"({"data": {"pictures": 40, "channels": 1, "median_width": 28, "median_height": 28},
      "tasks": [{"name": "moco", "fits": "doubtful", "why": "there are 40 pictures"},
                {"name": "colorization", "fits": "no", "why": "the pictures are grey"}]})";
  EXPECT_EQ(fake.Run({"tasks", "--for", fake.Path("pictures"), "--image-size", "32"}), 0) << fake.err.str();
  EXPECT_THAT(fake.captured, ElementsAre(ElementsAre(fake.Path("bin/pretext-worker"), "tasks", "--for",
                                                     fake.Path("pictures"), "--image-size", "32")));
  EXPECT_THAT(fake.out.str(), HasSubstr("40 pictures, grey, typically 28 x 28 pixels\n"));
  EXPECT_THAT(fake.out.str(), ::testing::ContainsRegex("moco +doubtful +there are 40 pictures\n"));
  EXPECT_THAT(fake.out.str(), ::testing::ContainsRegex("colorization +no +the pictures are grey\n"));
}

TEST(TasksTest, RefusesToJudgePicturesThatAreNotThere) {
  FakeCommandLine fake;
  MakeProgram(&fake, "bin/pretext-worker");
  EXPECT_NE(fake.Run({"tasks", "--for", fake.Path("nowhere")}), 0);
  EXPECT_THAT(fake.err.str(), HasSubstr("nowhere: no such file or folder"));
  EXPECT_TRUE(fake.captured.empty());
}

TEST(TasksTest, SaysWhereItLookedForTheWorker) {
  FakeCommandLine fake;
  EXPECT_EQ(fake.Run({"tasks"}), 66);
  EXPECT_THAT(fake.err.str(), HasSubstr(absl::StrCat("neither in ", fake.Path("bin"), " nor in $PATH")));
}

TEST(ServeTest, GoesOnAsTheServerAndKeepsTheSocketForThisUser) {
  FakeCommandLine fake;
  MakeProgram(&fake, "elsewhere/pretext-server");
  fake.context.search_path = absl::StrCat("/nowhere:", fake.Path("elsewhere"));
  fake.Run({"serve", "--listen", "127.0.0.1:7070", "--worker-listen", "0.0.0.0:7071", "--launcher", "none"});
  const std::string state = fake.Path("state");
  EXPECT_THAT(fake.replaced_by,
              ElementsAre(fake.Path("elsewhere/pretext-server"), "--state", state, "--listen",
                          "127.0.0.1:7070", "--listen", absl::StrCat("unix:", state, "/server.sock"),
                          "--worker-listen", "0.0.0.0:7071", "--launcher", "none"));
  fake.Run({"serve", "--state", "mine"});
  EXPECT_THAT(fake.replaced_by,
              ElementsAre(fake.Path("elsewhere/pretext-server"), "--state", fake.Path("mine")));
}

TEST(CoordinatorAddressTest, IsHostAndPortOrASocket) {
  EXPECT_EQ(*NormalizeAddress("localhost:7070"), "localhost:7070");
  EXPECT_EQ(*NormalizeAddress("[::1]:7070"), "[::1]:7070");
  EXPECT_EQ(*NormalizeAddress("/run/server.sock"), "unix:/run/server.sock");
  EXPECT_EQ(*NormalizeAddress("unix:/run/server.sock"), "unix:/run/server.sock");
  for (const char* wrong : {"localhost", ":7070", "localhost:", "localhost:0", "localhost:seven"}) {
    EXPECT_THAT(NormalizeAddress(wrong), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("HOST:PORT")))
        << wrong;
  }
}

TEST(EmbeddedCoordinatorTest, RefusesAFolderWhosePathIsTooLongForASocket) {
  FakeCommandLine fake;
  EmbeddedOptions options;
  options.state_directory = fake.Path(std::string(120, 'x'));
  EmbeddedCoordinator coordinator(options, &fake.clock, fake.context.wait);
  EXPECT_THAT(coordinator.EnsureServing(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("PRETEXT_STATE")));
}

TEST(EmbeddedCoordinatorTest, ShowsTheEndOfTheLogWhenTheServerDoesNotStart) {
  FakeCommandLine fake;
  EmbeddedOptions options;
  // Short enough for a socket wherever tests run.
  std::string folder = "/tmp/pretext.XXXXXX";
  options.state_directory = mkdtemp(folder.data());
  const std::string program = fake.Write("failing", "#!/bin/sh\necho the disk is full >&2\nexit 69\n");
  chmod(program.c_str(), 0755);
  options.find_server = [&] { return program; };
  EmbeddedCoordinator coordinator(options, RealClock(), fake.context.wait);
  EXPECT_THAT(coordinator.EnsureServing(),
              StatusIs(absl::StatusCode::kUnavailable,
                       ::testing::AllOf(HasSubstr("exit code 69"), HasSubstr("\n  the disk is full"))));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace pretext
