#ifndef PRETEXT_WORKER_DATA_DECODE_H_
#define PRETEXT_WORKER_DATA_DECODE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/data/image.h"

namespace pretext {

// Decodes a picture file's bytes to `channels` (1 or 3) 8-bit channels. JPEG by libjpeg-turbo, with its EXIF
// orientation applied; PNG, TIFF, WebP, BMP and PNM by OpenCV, transparent parts on white. Any thread.
// DATA_LOSS with the reason: no picture of these formats, cut short, or its header claims more than
// kMaxPixels, which is found out before anything is unpacked.
absl::StatusOr<Image> DecodeImage(absl::string_view bytes, int channels);

// What a decoder may be asked to unpack; more is taken for a bomb.
constexpr int64_t kMaxPixels = 300'000'000;

// Whether every pixel's channels are within `tolerance` grey levels of each other.
bool IsGray(const Image& image, int tolerance = 4);

// The whole file. NOT_FOUND, PERMISSION_DENIED or UNAVAILABLE, with the path.
absl::StatusOr<std::string> ReadFileBytes(const std::string& path);

}  // namespace pretext

#endif  // PRETEXT_WORKER_DATA_DECODE_H_
