#ifndef PRETEXT_WORKER_DATA_PICTURE_SIZE_H_
#define PRETEXT_WORKER_DATA_PICTURE_SIZE_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pretext {

struct PictureSize {
  int64_t width = 0;
  int64_t height = 0;
};

// What the header of a PNG, TIFF (BigTIFF too), WebP, BMP or PNM file claims, without unpacking anything:
// some kilobytes of any of them but PNM unpack to gigabytes. Where a header claims several sizes, the largest
// of each side. Any thread. DATA_LOSS with the reason: of another format, or cut short before the size.
absl::StatusOr<PictureSize> ReadPictureSize(absl::string_view bytes);

// The formats by the first kHeadBytes of a file.
constexpr int kHeadBytes = 16;
enum class PictureFormat { kJpeg, kPng, kTiff, kWebp, kBmp, kPnm };
// nullopt: none of them. Any thread.
std::optional<PictureFormat> FormatOf(absl::string_view bytes);

}  // namespace pretext

#endif  // PRETEXT_WORKER_DATA_PICTURE_SIZE_H_
