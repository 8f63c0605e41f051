#include "worker/tasks/normalization.h"

namespace pretext {

Normalization NormalizationFor(int channels) {
  if (channels == 3) return {{0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}};
  return {std::vector<double>(channels, 0.5), std::vector<double>(channels, 0.25)};
}

}  // namespace pretext
