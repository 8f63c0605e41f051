#include "worker/data/picture_size.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace pretext {
namespace {

absl::Status CutShort(absl::string_view format) {
  return absl::DataLossError(absl::StrCat(format, ": cut short before its size"));
}

// Unsigned numbers of either byte order at any place; past the end they are 0 and the bytes are `broken`.
class Numbers {
 public:
  Numbers(absl::string_view bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}

  uint64_t At(uint64_t place, int size) {
    if (place > bytes_.size() || bytes_.size() - place < static_cast<uint64_t>(size)) {
      broken_ = true;
      return 0;
    }
    uint64_t number = 0;
    for (int i = 0; i < size; ++i) {
      const uint64_t byte = static_cast<uint8_t>(bytes_[place + i]);
      number |= byte << 8 * (big_endian_ ? size - 1 - i : i);
    }
    return number;
  }
  bool broken() const { return broken_; }

 private:
  const absl::string_view bytes_;
  const bool big_endian_;
  bool broken_ = false;
};

// So that products of two stay within 64 bits; far above what is decoded.
int64_t Side(uint64_t claimed) {
  return static_cast<int64_t>(std::min<uint64_t>(claimed, std::numeric_limits<int32_t>::max()));
}

// Of the first chunk, IHDR.
absl::StatusOr<PictureSize> OfPng(absl::string_view bytes) {
  Numbers numbers(bytes, /*big_endian=*/true);
  const PictureSize size{Side(numbers.At(16, 4)), Side(numbers.At(20, 4))};
  if (numbers.broken()) return CutShort("PNG");
  return size;
}

int TiffNumberBytes(uint64_t type) {
  switch (type) {
    case 1:  // BYTE, SBYTE
    case 6:
      return 1;
    case 3:  // SHORT, SSHORT
    case 8:
      return 2;
    case 4:  // LONG, SLONG
    case 9:
      return 4;
    case 16:  // LONG8, SLONG8 of BigTIFF
    case 17:
      return 8;
    default:
      return 0;
  }
}

// Of the first directory, which alone is decoded. A tag that stands there twice counts with its larger value.
absl::StatusOr<PictureSize> OfTiff(absl::string_view bytes) {
  constexpr uint64_t kWidthTag = 256, kHeightTag = 257;
  Numbers numbers(bytes, /*big_endian=*/bytes[0] == 'M');
  const bool big = numbers.At(2, 2) == 43;
  const uint64_t directory = big ? numbers.At(8, 8) : numbers.At(4, 4);
  const uint64_t entries = numbers.At(directory, big ? 8 : 2);
  const uint64_t entry_bytes = big ? 20 : 12;
  PictureSize size;
  uint64_t entry = directory + (big ? 8 : 2);
  for (uint64_t i = 0; i < entries && !numbers.broken(); ++i, entry += entry_bytes) {
    const uint64_t tag = numbers.At(entry, 2);
    if (tag != kWidthTag && tag != kHeightTag) continue;
    const int value_bytes = TiffNumberBytes(numbers.At(entry + 2, 2));
    // One number of at most the field's width stands in the field itself, the others elsewhere.
    const bool elsewhere = value_bytes > (big ? 8 : 4);
    const uint64_t field = entry + (big ? 12 : 8);
    const uint64_t value = numbers.At(elsewhere ? numbers.At(field, 4) : field, value_bytes);
    int64_t& side = tag == kWidthTag ? size.width : size.height;
    side = std::max(side, Side(value));
  }
  if (numbers.broken()) return CutShort("TIFF");
  if (size.width == 0 || size.height == 0) return absl::DataLossError("TIFF: it does not tell its size");
  return size;
}

// Of the canvas, the lossless or the lossy stream: whichever chunk is first.
absl::StatusOr<PictureSize> OfWebp(absl::string_view bytes) {
  Numbers numbers(bytes, /*big_endian=*/false);
  const absl::string_view chunk = bytes.substr(12, 4);
  PictureSize size;
  if (chunk == "VP8X") {
    size = {Side(numbers.At(24, 3) + 1), Side(numbers.At(27, 3) + 1)};
  } else if (chunk == "VP8L") {
    const uint64_t sides = numbers.At(21, 4);
    size = {Side((sides & 0x3FFF) + 1), Side((sides >> 14 & 0x3FFF) + 1)};
  } else {
    size = {Side(numbers.At(26, 2) & 0x3FFF), Side(numbers.At(28, 2) & 0x3FFF)};
  }
  if (numbers.broken()) return CutShort("WebP");
  return size;
}

absl::StatusOr<PictureSize> OfBmp(absl::string_view bytes) {
  constexpr uint64_t kOldHeaderBytes = 12;  // of OS/2
  Numbers numbers(bytes, /*big_endian=*/false);
  PictureSize size;
  if (numbers.At(14, 4) == kOldHeaderBytes) {
    size = {Side(numbers.At(18, 2)), Side(numbers.At(20, 2))};
  } else {
    // Signed: rows from the top have a negative height.
    const auto width = static_cast<int32_t>(numbers.At(18, 4));
    const auto height = static_cast<int32_t>(numbers.At(22, 4));
    size = {Side(std::abs(int64_t{width})), Side(std::abs(int64_t{height}))};
  }
  if (numbers.broken()) return CutShort("BMP");
  return size;
}

// The next number of a PNM header, after spaces and comments; -1: none.
int64_t NextDecimal(absl::string_view* text) {
  while (!text->empty() && !absl::ascii_isdigit(text->front())) {
    if (text->front() == '#') {
      text->remove_prefix(std::min(text->find('\n'), text->size() - 1));
    } else if (!absl::ascii_isspace(text->front())) {
      return -1;
    }
    text->remove_prefix(1);
  }
  if (text->empty()) return -1;
  uint64_t number = 0;
  for (; !text->empty() && absl::ascii_isdigit(text->front()); text->remove_prefix(1)) {
    number = Side(10 * number + static_cast<uint64_t>(text->front() - '0'));
  }
  return static_cast<int64_t>(number);
}

absl::StatusOr<PictureSize> OfPnm(absl::string_view bytes) {
  bytes.remove_prefix(2);
  PictureSize size;
  size.width = NextDecimal(&bytes);
  size.height = NextDecimal(&bytes);
  if (size.width < 0 || size.height < 0) return CutShort("PNM");
  return size;
}

bool IsTiff(absl::string_view bytes) {
  const absl::string_view head = bytes.substr(0, 4);
  return head == absl::string_view("II*\0", 4) || head == absl::string_view("MM\0*", 4) ||
         head == absl::string_view("II+\0", 4) || head == absl::string_view("MM\0+", 4);
}

}  // namespace

std::optional<PictureFormat> FormatOf(absl::string_view bytes) {
  if (absl::StartsWith(bytes, "\xff\xd8\xff")) return PictureFormat::kJpeg;
  if (absl::StartsWith(bytes, "\x89PNG\r\n\x1a\n")) return PictureFormat::kPng;
  if (IsTiff(bytes)) return PictureFormat::kTiff;
  if (absl::StartsWith(bytes, "RIFF") && bytes.size() >= 16 && bytes.substr(8, 4) == "WEBP") {
    return PictureFormat::kWebp;
  }
  if (absl::StartsWith(bytes, "BM")) return PictureFormat::kBmp;
  if (bytes.size() >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6') return PictureFormat::kPnm;
  return std::nullopt;
}

absl::StatusOr<PictureSize> ReadPictureSize(absl::string_view bytes) {
  const std::optional<PictureFormat> format = FormatOf(bytes);
  if (format == PictureFormat::kPng) return OfPng(bytes);
  if (format == PictureFormat::kTiff) return OfTiff(bytes);
  if (format == PictureFormat::kWebp) return OfWebp(bytes);
  if (format == PictureFormat::kBmp) return OfBmp(bytes);
  if (format == PictureFormat::kPnm) return OfPnm(bytes);
  return absl::DataLossError("not a picture in a format known here, or cut short");
}

}  // namespace pretext
