#include "worker/models/safetensors.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/util/Exception.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t kMaxHeaderBytes = 100000000;  // the format's own limit
constexpr uint64_t kLengthBytes = 8;
constexpr char kMetadataKey[] = "__metadata__";

struct NamedType {
  absl::string_view name;
  at::ScalarType type;
};
constexpr NamedType kTypes[] = {
    {"BOOL", at::kBool},
    {"U8", at::kByte},
    {"I8", at::kChar},
    {"F8_E5M2", at::kFloat8_e5m2},
    {"F8_E4M3", at::kFloat8_e4m3fn},
    {"F8_E8M0", at::kFloat8_e8m0fnu},
    {"F8_E4M3FNUZ", at::kFloat8_e4m3fnuz},
    {"F8_E5M2FNUZ", at::kFloat8_e5m2fnuz},
    {"I16", at::kShort},
    {"U16", at::kUInt16},
    {"F16", at::kHalf},
    {"BF16", at::kBFloat16},
    {"I32", at::kInt},
    {"U32", at::kUInt32},
    {"F32", at::kFloat},
    {"C64", at::kComplexFloat},
    {"F64", at::kDouble},
    {"I64", at::kLong},
    {"U64", at::kUInt64},
};
constexpr absl::string_view kTypesWithoutTensor[] = {"F4", "F6_E2M3", "F6_E3M2"};

absl::Status Malformed(absl::string_view path, absl::string_view what) {
  return absl::DataLossError(absl::StrCat("safetensors file ", path, ": ", what));
}

absl::Status OsError(absl::string_view path, absl::string_view doing) {
  const int error = errno;
  const std::string message = absl::StrCat("cannot ", doing, " ", path, ": ", std::strerror(error));
  if (error == ENOENT) return absl::NotFoundError(message);
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) return absl::ResourceExhaustedError(message);
  return absl::UnavailableError(message);
}

// A file's pages, private and writable: stores stay in memory. Unmapped when the last tensor is gone.
class Mapping {
 public:
  Mapping(void* start, uint64_t size) : start_(static_cast<char*>(start)), size_(size) {}
  ~Mapping() { munmap(start_, size_); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  char* start() const { return start_; }
  uint64_t size() const { return size_; }

 private:
  char* start_;
  uint64_t size_;
};

absl::StatusOr<std::shared_ptr<Mapping>> MapFile(const std::string& path) {
  // A pipe must not be waited for: it is refused below.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return OsError(path, "open");
  const auto close_fd = absl::MakeCleanup([fd] { close(fd); });
  struct stat status;
  if (fstat(fd, &status) != 0) return OsError(path, "read");
  if (!S_ISREG(status.st_mode)) return Malformed(path, "it is not a regular file");
  if (status.st_size < static_cast<int64_t>(kLengthBytes)) {
    return Malformed(path, absl::StrCat("it has ", status.st_size, " bytes, too few for a header"));
  }
  void* start = mmap(nullptr, status.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  if (start == MAP_FAILED) return OsError(path, "map");
  return std::make_shared<Mapping>(start, status.st_size);
}

absl::StatusOr<Json> ParseHeader(const std::string& path, absl::string_view text) {
  if (text.empty() || text[0] != '{') return Malformed(path, "its header does not begin with '{'");
  // Names by depth, to refuse what JSON parsers resolve silently: an entry given twice.
  std::vector<std::set<std::string>> names;
  std::string repeated;
  const auto watch = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) names.emplace_back();
    if (event == Json::parse_event_t::object_end) names.pop_back();
    if (event == Json::parse_event_t::key && !names.back().insert(value.get<std::string>()).second) {
      repeated = value.get<std::string>();
    }
    return true;
  };
  Json header = Json::parse(text.begin(), text.end(), watch, /*allow_exceptions=*/false);
  if (header.is_discarded()) return Malformed(path, "its header is not JSON");
  if (!header.is_object()) return Malformed(path, "its header is not a JSON object");
  if (!repeated.empty()) return Malformed(path, absl::StrCat("\"", repeated, "\" is given twice"));
  return header;
}

// One tensor as the header describes it, checked on its own.
struct Entry {
  std::string name;
  at::ScalarType type;
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;  // bytes from the end of the header
};

absl::StatusOr<at::ScalarType> ParseType(const std::string& path, const std::string& name,
                                         const Json& value) {
  if (!value.is_string()) return Malformed(path, absl::StrCat(name, ": dtype is not a string"));
  const std::string text = value.get<std::string>();
  for (const NamedType& known : kTypes) {
    if (known.name == text) return known.type;
  }
  for (absl::string_view known : kTypesWithoutTensor) {
    if (known == text) {
      return absl::UnimplementedError(
          absl::StrCat("safetensors file ", path, ": ", name, " has type ", text,
                       ", which LibTorch cannot hold; convert the file to a wider type first"));
    }
  }
  return Malformed(path, absl::StrCat(name, ": unknown dtype \"", text, "\""));
}

absl::StatusOr<std::vector<int64_t>> ParseNumbers(const std::string& path, const std::string& where,
                                                  const Json& value) {
  if (!value.is_array()) return Malformed(path, absl::StrCat(where, " is not a list"));
  std::vector<int64_t> numbers;
  for (const Json& number : value) {
    if (!number.is_number_unsigned() ||
        number.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return Malformed(path, absl::StrCat(where, " holds something other than a whole number from 0"));
    }
    numbers.push_back(number.get<int64_t>());
  }
  return numbers;
}

absl::StatusOr<Entry> ParseEntry(const std::string& path, const std::string& name, const Json& value) {
  if (!value.is_object() || value.size() != 3 || !value.contains("dtype") || !value.contains("shape") ||
      !value.contains("data_offsets")) {
    return Malformed(path, absl::StrCat(name, ": an entry must hold dtype, shape and data_offsets alone"));
  }
  Entry entry;
  entry.name = name;
  PRETEXT_ASSIGN_OR_RETURN(entry.type, ParseType(path, name, value["dtype"]));
  PRETEXT_ASSIGN_OR_RETURN(entry.shape, ParseNumbers(path, name + ": shape", value["shape"]));
  PRETEXT_ASSIGN_OR_RETURN(const std::vector<int64_t> offsets,
                           ParseNumbers(path, name + ": data_offsets", value["data_offsets"]));
  if (offsets.size() != 2 || offsets[0] > offsets[1]) {
    return Malformed(path, absl::StrCat(name, ": data_offsets is not [begin, end]"));
  }
  entry.begin = offsets[0];
  entry.end = offsets[1];
  uint64_t bytes = c10::elementSize(entry.type);
  for (int64_t side : entry.shape) {
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(side), &bytes)) {
      return Malformed(path, absl::StrCat(name, ": its shape is too large"));
    }
  }
  if (bytes != entry.end - entry.begin) {
    return Malformed(path, absl::StrCat(name, ": its shape needs ", bytes, " bytes and data_offsets give it ",
                                        entry.end - entry.begin));
  }
  return entry;
}

absl::Status ReadMetadata(const std::string& path, const Json& value,
                          std::map<std::string, std::string>& metadata) {
  if (!value.is_object()) return Malformed(path, "__metadata__ is not an object");
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) return Malformed(path, absl::StrCat("__metadata__: ", key, " is not a string"));
    metadata[key] = text.get<std::string>();
  }
  return absl::OkStatus();
}

// The tensors must cover the bytes after the header exactly: no hole, no overlap, no rest.
absl::Status CheckCover(const std::string& path, std::vector<Entry>& entries, uint64_t data_bytes) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  uint64_t position = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != position) {
      return Malformed(
          path,
          absl::StrCat(entry.name, ": its data begins at ", entry.begin, ", ",
                       entry.begin > position ? "leaving a hole after " : "overlapping up to ", position));
    }
    position = entry.end;
    if (position > data_bytes) {
      return Malformed(path, absl::StrCat(entry.name, ": its data ends at ", position, " of ", data_bytes,
                                          " bytes; the file is cut short"));
    }
  }
  if (position != data_bytes) {
    return Malformed(path, absl::StrCat(data_bytes - position, " bytes after the last tensor"));
  }
  return absl::OkStatus();
}

at::Tensor MakeTensor(const Entry& entry, const std::shared_ptr<Mapping>& mapping, char* data) {
  const at::TensorOptions options = at::TensorOptions().dtype(entry.type);
  // A legal file may misalign its tensors, or have none of their bytes: those get memory of their own.
  const bool aligned = reinterpret_cast<uintptr_t>(data) % c10::elementSize(entry.type) == 0;
  if (!aligned || entry.begin == entry.end) {
    at::Tensor tensor = at::empty(entry.shape, options);
    if (entry.begin != entry.end) std::memcpy(tensor.mutable_data_ptr(), data, entry.end - entry.begin);
    return tensor;
  }
  return at::from_blob(
      data, entry.shape, [mapping](void*) {}, options);
}

// ---- writing ----

absl::StatusOr<absl::string_view> TypeName(const std::string& name, const at::Tensor& tensor) {
  if (!tensor.defined()) return absl::InvalidArgumentError(absl::StrCat("tensor ", name, " is undefined"));
  if (tensor.layout() == at::kStrided) {
    for (const NamedType& known : kTypes) {
      if (known.type == tensor.scalar_type()) return known.name;
    }
  }
  return absl::InvalidArgumentError(absl::StrCat("tensor ", name, " (", c10::toString(tensor.scalar_type()),
                                                 ", ", c10::str(tensor.layout()),
                                                 ") cannot be written as safetensors; convert it first"));
}

// Descending element size, then name: every tensor is aligned to its elements.
std::vector<std::string> FileOrder(const std::map<std::string, at::Tensor>& tensors) {
  std::vector<std::string> order;
  for (const auto& [name, tensor] : tensors) order.push_back(name);
  std::stable_sort(order.begin(), order.end(), [&](const std::string& a, const std::string& b) {
    return tensors.at(a).element_size() > tensors.at(b).element_size();
  });
  return order;
}

absl::StatusOr<std::string> MakeHeader(const std::map<std::string, at::Tensor>& tensors,
                                       const std::vector<std::string>& order,
                                       std::map<std::string, std::string> metadata) {
  metadata.insert({"format", "pt"});
  Json header;
  header[kMetadataKey] = metadata;
  uint64_t position = 0;
  for (const std::string& name : order) {
    const at::Tensor& tensor = tensors.at(name);
    PRETEXT_ASSIGN_OR_RETURN(const absl::string_view type, TypeName(name, tensor));
    const uint64_t end = position + tensor.numel() * tensor.element_size();
    header[name] = {
        {"dtype", std::string(type)}, {"shape", tensor.sizes().vec()}, {"data_offsets", {position, end}}};
    position = end;
  }
  std::string text = header.dump(/*indent=*/-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
  if (text != header.dump(/*indent=*/-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::ignore)) {
    return absl::InvalidArgumentError("a safetensors name or metadata entry is not UTF-8 text");
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');
  if (text.size() > kMaxHeaderBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a safetensors header of ", text.size(), " bytes is too long"));
  }
  return text;
}

// Appends to an open file, and to the digest.
absl::Status Append(const std::string& path, int fd, absl::string_view bytes, Sha256* digest) {
  if (digest != nullptr) digest->Update(bytes);
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), std::min<size_t>(bytes.size(), 1 << 30));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return OsError(path, "write");
    bytes.remove_prefix(written);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SafetensorsFile> ReadSafetensors(const std::string& path) {
  PRETEXT_ASSIGN_OR_RETURN(const std::shared_ptr<Mapping> mapping, MapFile(path));
  uint64_t header_bytes;
  std::memcpy(&header_bytes, mapping->start(), kLengthBytes);
  if (header_bytes > kMaxHeaderBytes) {
    return Malformed(path, absl::StrCat("its header claims ", header_bytes, " bytes; ", kMaxHeaderBytes,
                                        " are allowed. Is it a safetensors file?"));
  }
  if (header_bytes > mapping->size() - kLengthBytes) {
    return Malformed(path, absl::StrCat("its header claims ", header_bytes, " bytes and the file has ",
                                        mapping->size(), "; the file is cut short"));
  }
  PRETEXT_ASSIGN_OR_RETURN(
      const Json header, ParseHeader(path, absl::string_view(mapping->start() + kLengthBytes, header_bytes)));
  SafetensorsFile file;
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name == kMetadataKey) {
      PRETEXT_RETURN_IF_ERROR(ReadMetadata(path, value, file.metadata));
      continue;
    }
    PRETEXT_ASSIGN_OR_RETURN(Entry entry, ParseEntry(path, name, value));
    entries.push_back(std::move(entry));
  }
  const uint64_t data_start = kLengthBytes + header_bytes;
  PRETEXT_RETURN_IF_ERROR(CheckCover(path, entries, mapping->size() - data_start));
  for (const Entry& entry : entries) {
    file.tensors[entry.name] = MakeTensor(entry, mapping, mapping->start() + data_start + entry.begin);
  }
  return file;
}

absl::Status WriteSafetensors(const std::string& path, const std::map<std::string, at::Tensor>& tensors,
                              const std::map<std::string, std::string>& metadata, Sha256* digest) {
  for (const auto& [name, tensor] : tensors) {
    PRETEXT_RETURN_IF_ERROR(TypeName(name, tensor).status());
    if (name == kMetadataKey) return absl::InvalidArgumentError("a tensor cannot be called __metadata__");
  }
  const std::vector<std::string> order = FileOrder(tensors);
  PRETEXT_ASSIGN_OR_RETURN(const std::string header, MakeHeader(tensors, order, metadata));
  int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return OsError(path, "create");
  auto close_fd = absl::MakeCleanup([&fd] { close(fd); });
  const uint64_t header_bytes = header.size();
  PRETEXT_RETURN_IF_ERROR(Append(
      path, fd, absl::string_view(reinterpret_cast<const char*>(&header_bytes), kLengthBytes), digest));
  PRETEXT_RETURN_IF_ERROR(Append(path, fd, header, digest));
  for (const std::string& name : order) {
    const at::Tensor tensor = tensors.at(name).detach().cpu().resolve_conj().contiguous();
    PRETEXT_RETURN_IF_ERROR(Append(
        path, fd, absl::string_view(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()),
        digest));
  }
  if (fsync(fd) != 0) return OsError(path, "sync");
  std::move(close_fd).Cancel();
  if (close(fd) != 0) return OsError(path, "close");
  return absl::OkStatus();
}

}  // namespace pretext
