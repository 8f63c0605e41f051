#ifndef PRETEXT_WORKER_DATA_EXIF_H_
#define PRETEXT_WORKER_DATA_EXIF_H_

#include "absl/strings/string_view.h"
#include "worker/data/image.h"

namespace pretext {

// The EXIF orientation of a JPEG file, 1 (upright) .. 8; 1 when it has none or it makes no sense.
int JpegOrientation(absl::string_view jpeg);

// `image` turned and mirrored so that it is upright, given its EXIF orientation.
Image Oriented(Image image, int orientation);

}  // namespace pretext

#endif  // PRETEXT_WORKER_DATA_EXIF_H_
