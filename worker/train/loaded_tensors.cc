#include "worker/train/loaded_tensors.h"

#include <ATen/ops/from_blob.h>

namespace pretext {
namespace {

at::ScalarType ScalarTypeOf(ElementType type) {
  switch (type) {
    case ElementType::kUint8:
      return at::kByte;
    case ElementType::kFloat32:
      return at::kFloat;
    case ElementType::kInt64:
      return at::kLong;
  }
  return at::kByte;
}

}  // namespace

std::vector<at::Tensor> ToTensors(const LoadedBatch& batch, const BatchLayout& layout, c10::Device device) {
  std::vector<at::Tensor> tensors;
  for (size_t i = 0; i < layout.size(); ++i) {
    std::vector<int64_t> shape = {batch.size};
    shape.insert(shape.end(), layout[i].shape.begin(), layout[i].shape.end());
    const at::Tensor tensor = at::from_blob(
        const_cast<uint8_t*>(batch.fields[i]), shape, [keep = batch.keep_alive](void*) {},
        at::TensorOptions(ScalarTypeOf(layout[i].type)));
    tensors.push_back(tensor.to(device));
  }
  return tensors;
}

}  // namespace pretext
