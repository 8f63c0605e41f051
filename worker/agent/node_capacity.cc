#include "worker/agent/node_capacity.h"

#include <netdb.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "worker/agent/cgroup.h"

namespace pretext {
namespace {

constexpr char kLoopback[] = "127.0.0.1";

int CountCores(double paid_for) {
  cpu_set_t set;
  int cores = static_cast<int>(std::thread::hardware_concurrency());
  if (sched_getaffinity(0, sizeof(set), &set) == 0) cores = CPU_COUNT(&set);
  if (std::isfinite(paid_for)) cores = std::min(cores, static_cast<int>(std::ceil(paid_for)));
  return std::max(cores, 1);
}

// The value of the first line "KEY : VALUE".
std::string ReadField(const std::string& path, absl::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    if (absl::StripAsciiWhitespace(absl::string_view(line).substr(0, colon)) != key) continue;
    return std::string(absl::StripAsciiWhitespace(absl::string_view(line).substr(colon + 1)));
  }
  return "";
}

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : kLoopback;
}

// The address of this machine that packets to `to` leave from; none are sent. Empty when there is no way.
std::string LocalAddressTowards(const addrinfo& to) {
  const int socket = ::socket(to.ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return "";
  absl::Cleanup close_socket = [socket] { close(socket); };
  sockaddr_storage from = {};
  socklen_t size = sizeof(from);
  char text[NI_MAXHOST] = {};
  if (connect(socket, to.ai_addr, to.ai_addrlen) != 0 ||
      getsockname(socket, reinterpret_cast<sockaddr*>(&from), &size) != 0 ||
      getnameinfo(reinterpret_cast<sockaddr*>(&from), size, text, sizeof(text), nullptr, 0, NI_NUMERICHOST) !=
          0) {
    return "";
  }
  return text;
}

}  // namespace

v1::NodeCapacity MeasureNode() {
  const CgroupLimits limits = ReadCgroupLimits();
  v1::NodeCapacity capacity;
  capacity.set_cores(CountCores(limits.cores));
  capacity.set_cpu_slots(capacity.cores());
  const int64_t installed = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  capacity.set_memory_bytes(std::min(installed, limits.memory_bytes));
  capacity.set_device_description(ReadField("/proc/cpuinfo", "model name"));
  return capacity;
}

std::string DescribeGpu(const std::string& driver_folder) {
  std::error_code error;
  for (const auto& gpu : std::filesystem::directory_iterator(driver_folder, error)) {
    std::string model = ReadField(gpu.path() / "information", "Model");
    if (!model.empty()) return model;
  }
  return "";
}

std::string FindHostAddress(const std::string& coordinator) {
  absl::string_view rest = coordinator;
  if (absl::StartsWith(rest, "unix:")) return kLoopback;
  for (absl::string_view scheme : {"dns:///", "dns:", "ipv4:", "ipv6:"}) {
    if (absl::ConsumePrefix(&rest, scheme)) break;
  }
  const size_t colon = rest.rfind(':');
  if (colon == absl::string_view::npos) return HostName();
  absl::string_view host = rest.substr(0, colon);
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  addrinfo hints = {};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  const std::string port(rest.substr(colon + 1));
  if (getaddrinfo(std::string(host).c_str(), port.c_str(), &hints, &found) != 0) return HostName();
  absl::Cleanup free_found = [found] { freeaddrinfo(found); };
  for (const addrinfo* to = found; to != nullptr; to = to->ai_next) {
    std::string address = LocalAddressTowards(*to);
    if (!address.empty()) return address;
  }
  return HostName();
}

}  // namespace pretext
