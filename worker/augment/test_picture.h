#ifndef PRETEXT_WORKER_AUGMENT_TEST_PICTURE_H_
#define PRETEXT_WORKER_AUGMENT_TEST_PICTURE_H_

#include <cstdint>
#include <vector>

#include "worker/augment/planes.h"
#include "worker/data/image.h"
#include "worker/data/rng.h"

namespace pretext {

// A picture of random bytes: the hardest for every operation.
inline Image NoisePicture(int height, int width, int channels, uint64_t seed = 1) {
  Image image{height, width, channels, {}};
  Rng rng({seed});
  for (int64_t i = 0; i < int64_t{height} * width * channels; ++i) {
    image.pixels.push_back(static_cast<uint8_t>(rng.Below(256)));
  }
  return image;
}

// A picture as planes, unresized, padding 0.
inline Planes PlanesOf(const Image& image) {
  Planes planes;
  planes.Reset(image.height, image.width, image.channels);
  for (int c = 0; c < image.channels; ++c) {
    for (int y = 0; y < image.height; ++y) {
      for (int x = 0; x < planes.stride(); ++x) {
        const bool inside = x < image.width;
        planes.row(c, y)[x] =
            static_cast<int16_t>(inside ? kPixelOne * image.row(y)[x * image.channels + c] : 0);
      }
    }
  }
  return planes;
}

// Every pixel of the planes, without padding, in grey levels: y, x, channel.
inline std::vector<double> LevelsOf(const Planes& planes) {
  std::vector<double> levels;
  for (int y = 0; y < planes.height(); ++y) {
    for (int x = 0; x < planes.width(); ++x) {
      for (int c = 0; c < planes.channels(); ++c) {
        levels.push_back(static_cast<double>(planes.row(c, y)[x]) / kPixelOne);
      }
    }
  }
  return levels;
}

}  // namespace pretext

#endif  // PRETEXT_WORKER_AUGMENT_TEST_PICTURE_H_
