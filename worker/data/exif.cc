#include "worker/data/exif.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

namespace pretext {
namespace {

// Numbers of a TIFF header, which says its own byte order. Reads past the end give 0.
class TiffReader {
 public:
  TiffReader(absl::string_view bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}

  uint32_t Number(size_t at, int count) const {
    if (at + count > bytes_.size()) return 0;
    uint32_t value = 0;
    for (int i = 0; i < count; ++i) {
      const uint32_t byte = static_cast<uint8_t>(bytes_[at + i]);
      value |= byte << 8 * (big_endian_ ? count - 1 - i : i);
    }
    return value;
  }

 private:
  absl::string_view bytes_;
  bool big_endian_;
};

int TiffOrientation(absl::string_view tiff) {
  const bool big_endian = tiff.substr(0, 2) == "MM";
  if (!big_endian && tiff.substr(0, 2) != "II") return 1;
  const TiffReader reader(tiff, big_endian);
  const size_t directory = reader.Number(4, 4);
  const int entries = static_cast<int>(reader.Number(directory, 2));
  for (int i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + 12 * size_t(i);
    constexpr uint32_t kOrientationTag = 0x0112;
    if (reader.Number(entry, 2) != kOrientationTag) continue;
    const int orientation = static_cast<int>(reader.Number(entry + 8, 2));
    return orientation >= 1 && orientation <= 8 ? orientation : 1;
  }
  return 1;
}

}  // namespace

int JpegOrientation(absl::string_view jpeg) {
  size_t at = 2;
  while (at + 4 <= jpeg.size() && jpeg[at] == '\xff') {
    const uint8_t marker = static_cast<uint8_t>(jpeg[at + 1]);
    if (marker == 0xda) return 1;  // picture data begins
    const size_t length =
        size_t{static_cast<uint8_t>(jpeg[at + 2])} << 8 | static_cast<uint8_t>(jpeg[at + 3]);
    const absl::string_view segment = jpeg.substr(at + 4, length < 2 ? 0 : length - 2);
    if (marker == 0xe1 && segment.substr(0, 6) == absl::string_view("Exif\0\0", 6)) {
      return TiffOrientation(segment.substr(6));
    }
    at += 2 + length;
  }
  return 1;
}

Image Oriented(Image image, int orientation) {
  if (orientation == 1) return image;
  const bool transposed = orientation >= 5;
  Image out{
      transposed ? image.width : image.height, transposed ? image.height : image.width, image.channels, {}};
  out.pixels.resize(image.pixels.size());
  for (int y = 0; y < out.height; ++y) {
    for (int x = 0; x < out.width; ++x) {
      int from_y = transposed ? x : y;
      int from_x = transposed ? y : x;
      if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8) {
        from_x = image.width - 1 - from_x;
      }
      if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7) {
        from_y = image.height - 1 - from_y;
      }
      std::memcpy(&out.pixels[(size_t{1} * y * out.width + x) * out.channels],
                  image.row(from_y) + from_x * image.channels, image.channels);
    }
  }
  return out;
}

}  // namespace pretext
