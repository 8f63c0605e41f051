#include "worker/data/batch_layout.h"

#include <functional>
#include <numeric>

namespace pretext {

int64_t ElementSize(ElementType type) {
  switch (type) {
    case ElementType::kUint8:
      return 1;
    case ElementType::kFloat32:
      return 4;
    case ElementType::kInt64:
      return 8;
  }
  return 0;
}

int64_t Field::elements() const {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<int64_t>());
}

int64_t Field::bytes() const { return elements() * ElementSize(type); }

}  // namespace pretext
