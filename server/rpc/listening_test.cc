#include "server/rpc/listening.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ListeningTest : public ::testing::Test {
 protected:
  // The path of a socket may have 107 bytes, and that of a test's folder has more: it is entered.
  ListeningTest() {
    std::string folder = absl::StrCat(::testing::TempDir(), "/listening.XXXXXX");
    EXPECT_EQ(chdir(mkdtemp(folder.data())), 0);
  }
  std::string Path(const std::string& name) const { return "/proc/self/cwd/" + name; }

  // A socket as a program leaves it that was killed, or that still listens.
  int MakeSocket() {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, Path("socket").c_str());
    const int server = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_EQ(bind(server, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(server, 1), 0);
    return server;
  }
};

TEST_F(ListeningTest, MakesASocketForThisUserAlone) {
  grpc::ServerBuilder builder;
  std::vector<std::string> addresses = {"unix:" + Path("socket")};
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<grpc::Server> server, Listen(&builder, &addresses));
  struct stat status;
  ASSERT_EQ(stat(Path("socket").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600);
}

TEST_F(ListeningTest, RefusesAPortThatIsNoneInsteadOfTakingAnother) {
  for (const char* address :
       {"127.0.0.1:99999999", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:", "[::1]:http"}) {
    EXPECT_THAT(PrepareAddress(address), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("65535")))
        << address;
  }
  for (const char* address : {"127.0.0.1:0", "[::1]:65535"}) EXPECT_OK(PrepareAddress(address)) << address;
}

TEST_F(ListeningTest, RemovesASocketThatNobodyListensOn) {
  close(MakeSocket());
  ASSERT_OK(PrepareAddress("unix:" + Path("socket")));
  EXPECT_NE(access(Path("socket").c_str(), F_OK), 0);
}

TEST_F(ListeningTest, LeavesTheSocketOfALivingProgramAlone) {
  const int server = MakeSocket();
  EXPECT_THAT(PrepareAddress("unix:" + Path("socket")),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("another program listens")));
  close(server);
}

TEST_F(ListeningTest, LeavesAFileThatIsNoSocketAlone) {
  std::ofstream(Path("socket")) << "precious";
  EXPECT_THAT(PrepareAddress("unix:" + Path("socket")),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("no socket")));
  EXPECT_EQ(access(Path("socket").c_str(), F_OK), 0);
}

TEST_F(ListeningTest, ExplainsAPathThatIsTooLong) {
  EXPECT_THAT(PrepareAddress("unix:/" + std::string(120, 'x')),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("shorter path")));
  EXPECT_THAT(PrepareAddress("unix:relative"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("absolute")));
  EXPECT_THAT(PrepareAddress("nonsense"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("host:port")));
}

TEST_F(ListeningTest, FindsAFreePortAndNamesATakenOne) {
  grpc::ServerBuilder builder;
  std::vector<std::string> addresses = {"127.0.0.1:0"};
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<grpc::Server> server, Listen(&builder, &addresses));
  EXPECT_THAT(addresses[0], StartsWith("127.0.0.1:"));
  EXPECT_NE(addresses[0], "127.0.0.1:0");
  grpc::ServerBuilder second;
  second.AddChannelArgument("grpc.so_reuseport", 0);
  EXPECT_THAT(Listen(&second, &addresses).status(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(addresses[0])));
}

}  // namespace
}  // namespace pretext
