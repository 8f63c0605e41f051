#include "proto/cpp/unix_socket.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "gtest/gtest.h"

namespace pretext {
namespace {

class UnixSocketTest : public ::testing::Test {
 protected:
  UnixSocketTest() {
    char folder[] = "/tmp/socket.XXXXXX";  // paths of sockets are short
    folder_ = mkdtemp(folder);
    path_ = folder_ + "/s";
  }
  ~UnixSocketTest() override {
    unlink(path_.c_str());
    rmdir(folder_.c_str());
  }
  // A socket at path_ that lets one caller wait.
  int Listen() const {
    const int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    EXPECT_EQ(bind(server, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(server, 0), 0);
    return server;
  }

  std::string folder_, path_;
};

TEST_F(UnixSocketTest, TellsALivingSocketFromADeadOne) {
  EXPECT_FALSE(SomebodyListens(path_)) << "there is none";
  const int server = Listen();
  EXPECT_TRUE(SomebodyListens(path_));
  close(server);
  EXPECT_FALSE(SomebodyListens(path_)) << "its program is gone";
  EXPECT_FALSE(SomebodyListens(std::string(LongestSocketPath() + 1, 'x')));
}

TEST_F(UnixSocketTest, DoesNotWaitForAProgramThatLetsNobodyIn) {
  const int server = Listen();
  for (int caller = 0; caller < 8; ++caller) EXPECT_TRUE(SomebodyListens(path_)) << caller;
  close(server);
}

}  // namespace
}  // namespace pretext
