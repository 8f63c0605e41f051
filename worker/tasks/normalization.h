#ifndef PRETEXT_WORKER_TASKS_NORMALIZATION_H_
#define PRETEXT_WORKER_TASKS_NORMALIZATION_H_

#include <vector>

namespace pretext {

// How pictures become network inputs: (value / 255 - mean[c]) / std[c] for each channel c. Pretraining,
// fine-tuning and evaluation use the same, and exported weights carry it (WeightsCard).
struct Normalization {
  std::vector<double> mean;
  std::vector<double> std;
};

// Three channels: ImageNet's statistics, as torchvision's and timm's weights expect, whatever the data. Any
// other number: mean 0.5 and standard deviation 0.25 each. Constants, so that weights fit any data set.
Normalization NormalizationFor(int channels);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_NORMALIZATION_H_
