#include "worker/models/unit_rows.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>

#include <cmath>

#include "worker/data/rng.h"

namespace pretext {

at::Tensor UnitRows(const at::Tensor& vectors) {
  const at::Tensor rows = vectors.to(at::kFloat);
  return rows / rows.square().sum(1, /*keepdim=*/true).clamp_min(1e-24).sqrt();
}

at::Tensor RandomUnitRows(int64_t rows, int64_t size, uint64_t seed) {
  at::Tensor vectors = at::empty({rows, size}, at::kFloat);
  float* row = vectors.mutable_data_ptr<float>();
  for (int64_t i = 0; i < rows; ++i, row += size) {
    RngKey key;
    key.seed = seed;
    key.stage = kSetupStage;
    key.sample = i;
    Rng rng(key);
    double square = 0;
    for (int64_t j = 0; j < size; ++j) {
      row[j] = static_cast<float>(rng.Normal());
      square += double{row[j]} * row[j];
    }
    const float scale = static_cast<float>(1 / std::sqrt(square));
    for (int64_t j = 0; j < size; ++j) row[j] *= scale;
  }
  return vectors;
}

}  // namespace pretext
