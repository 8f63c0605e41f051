#ifndef PRETEXT_WORKER_DATA_BATCH_LAYOUT_H_
#define PRETEXT_WORKER_DATA_BATCH_LAYOUT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"

namespace pretext {

enum class ElementType { kUint8, kFloat32, kInt64 };

int64_t ElementSize(ElementType type);  // bytes

// One named part of every example: a view, a target. `shape` is that of one example; pictures are HWC
// uint8, so that the last step to float happens on the training device.
struct Field {
  std::string name;
  ElementType type = ElementType::kUint8;
  std::vector<int64_t> shape;

  int64_t elements() const;
  int64_t bytes() const;
};

using BatchLayout = std::vector<Field>;

// The place in a batch that one example is written to; memory belongs to the batch. `field` counts from the
// layout the writer was made with, whatever else shares the batch.
class ExampleSlot {
 public:
  // `fields[i]` points at the bytes of this example's field i.
  explicit ExampleSlot(absl::Span<uint8_t* const> fields, absl::Span<const Field> layout)
      : fields_(fields), layout_(layout) {}

  // REQUIRES: T matches the field's type.
  template <typename T>
  absl::Span<T> field(int index) const {
    return absl::Span<T>(reinterpret_cast<T*>(fields_[index]), layout_[index].elements());
  }

  // The part that begins at field `first` and has `count` fields: one task's share of a batch.
  ExampleSlot Part(int first, int count) const {
    return ExampleSlot(fields_.subspan(first, count), layout_.subspan(first, count));
  }

 private:
  absl::Span<uint8_t* const> fields_;
  absl::Span<const Field> layout_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_DATA_BATCH_LAYOUT_H_
