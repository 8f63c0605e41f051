#include "worker/data/idx.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/data/regular_file.h"

namespace pretext {
namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 36;
constexpr int64_t kFirstBytes = int64_t{16} << 20;  // room before anything is read

// zlib reads plain files as they are.
using GzipFile = std::unique_ptr<gzFile_s, int (*)(gzFile)>;

GzipFile Open(const std::string& path) { return GzipFile(gzopen(path.c_str(), "rb"), &gzclose); }

// Fewer bytes than asked only at the file's end or where it is broken.
int64_t ReadUpTo(gzFile file, uint8_t* to, int64_t count) {
  int64_t total = 0;
  while (total < count) {
    const int got =
        gzread(file, to + total, static_cast<unsigned>(std::min<int64_t>(count - total, 1 << 30)));
    if (got <= 0) break;
    total += got;
  }
  return total;
}

// ReadUpTo into `values`, which grow with what is really there: what a header claims costs no memory.
int64_t ReadGrowing(gzFile file, int64_t count, std::vector<uint8_t>* values) {
  int64_t got = 0, room = 0;
  while (got == room && room < count) {
    room = std::min(count, std::max(kFirstBytes, 2 * room));
    values->resize(room);
    got += ReadUpTo(file, values->data() + got, room - got);
  }
  return got;
}

// Two zero bytes, the type (8: unsigned byte), the number of dimensions.
bool IsHeader(const uint8_t* magic) {
  return magic[0] == 0 && magic[1] == 0 && magic[2] == 8 && magic[3] >= 1 && magic[3] <= 4;
}

}  // namespace

bool IsIdxFile(const std::string& path) {
  if (!CheckIsRegularFile(path).ok()) return false;
  const GzipFile file = Open(path);
  uint8_t magic[4];
  return file != nullptr && ReadUpTo(file.get(), magic, 4) == 4 && IsHeader(magic);
}

absl::StatusOr<IdxArray> ReadIdx(const std::string& path) {
  PRETEXT_RETURN_IF_ERROR(CheckIsRegularFile(path));
  errno = 0;
  const GzipFile file = Open(path);
  if (file == nullptr) return absl::NotFoundError(absl::StrCat(path, ": ", std::strerror(errno)));
  uint8_t magic[4];
  if (ReadUpTo(file.get(), magic, 4) != 4 || !IsHeader(magic)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": not an IDX file of unsigned bytes"));
  }
  IdxArray array;
  int64_t total = 1;
  for (int i = 0; i < magic[3]; ++i) {
    uint8_t size[4];
    if (ReadUpTo(file.get(), size, 4) != 4)
      return absl::DataLossError(absl::StrCat(path, ": the header is cut short"));
    array.shape.push_back(int64_t{size[0]} << 24 | size[1] << 16 | size[2] << 8 | size[3]);
    if (array.shape.back() != 0 && total > kMaxBytes / array.shape.back()) {
      return absl::DataLossError(absl::StrCat(path, ": the header claims more than 64 GiB"));
    }
    total *= array.shape.back();
  }
  const int64_t got = ReadGrowing(file.get(), total, &array.values);
  uint8_t more;
  if (got < total || ReadUpTo(file.get(), &more, 1) != 0) {
    return absl::DataLossError(absl::StrCat(path, ": the header promises ", total, " bytes, the file has ",
                                            got < total ? absl::StrCat(got) : "more"));
  }
  return array;
}

}  // namespace pretext
