// Stands in for pretext-worker in the launcher's test: takes the agent's lock, says "PID ARGUMENTS" and the
// environment that the test gave it through the pipe STATE/said, and lives until it is killed. Ends with exit
// code 3 at once if STATE/fail is there.

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

int main(int argc, char** argv) {
  std::string state, said = std::to_string(getpid());
  for (int i = 1; i < argc; ++i) {
    said += std::string(" ") + argv[i];
    if (std::strcmp(argv[i], "--state") == 0 && i + 1 < argc) state = argv[i + 1];
  }
  for (const char* name : {"FAKE_AGENT_OWN", "FAKE_AGENT_NEW"}) {
    if (const char* value = std::getenv(name); value != nullptr)
      said += std::string(" ") + name + "=" + value;
  }
  const bool fails = access((state + "/fail").c_str(), F_OK) == 0;
  if (!fails) {
    const int lock = open((state + "/agent.lock").c_str(), O_RDWR | O_CREAT, 0600);
    if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) != 0) return 4;
  }
  said += getsid(0) == getpid() ? " own-session\n" : " shared-session\n";
  const int pipe = open((state + "/said").c_str(), O_WRONLY);
  if (pipe < 0 || write(pipe, said.data(), said.size()) != static_cast<ssize_t>(said.size())) return 5;
  close(pipe);
  if (fails) return 3;
  while (true) pause();
}
