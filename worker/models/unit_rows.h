#ifndef PRETEXT_WORKER_MODELS_UNIT_ROWS_H_
#define PRETEXT_WORKER_MODELS_UNIT_ROWS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace pretext {

// vectors (N, D) -> the same in fp32, under autocast too, with rows of unit length; a row of zeros stays one.
at::Tensor UnitRows(const at::Tensor& vectors);

// (rows, size) float on the CPU: random directions that depend on `seed` alone.
at::Tensor RandomUnitRows(int64_t rows, int64_t size, uint64_t seed);

}  // namespace pretext

#endif  // PRETEXT_WORKER_MODELS_UNIT_ROWS_H_
