#ifndef PRETEXT_WORKER_DATA_IMAGE_H_
#define PRETEXT_WORKER_DATA_IMAGE_H_

#include <cstdint>
#include <vector>

namespace pretext {

// A decoded picture: 8 bits a channel, rows from the top, channels interleaved (HWC), 1 = grey or 3 = RGB,
// no padding between rows.
struct Image {
  int height = 0;
  int width = 0;
  int channels = 0;
  std::vector<uint8_t> pixels;  // height * width * channels

  const uint8_t* row(int y) const { return pixels.data() + static_cast<size_t>(y) * width * channels; }
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_DATA_IMAGE_H_
