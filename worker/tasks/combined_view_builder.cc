#include "worker/tasks/combined_view_builder.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace pretext {
namespace {

constexpr uint32_t kViewsPerTask = 1000;

}  // namespace

CombinedViewBuilder::CombinedViewBuilder(std::vector<Part> parts) : parts_(std::move(parts)) {
  for (const Part& part : parts_) {
    const BatchLayout& fields = part.builder->layout();
    shares_.push_back({static_cast<int>(layout_.size()), static_cast<int>(fields.size())});
    for (Field field : fields) {
      field.name = absl::StrCat(part.name, ".", field.name);
      layout_.push_back(std::move(field));
    }
  }
}

void CombinedViewBuilder::Build(const Sample& sample, const RngKey& key, const ExampleSlot& slot) const {
  for (size_t i = 0; i < parts_.size(); ++i) {
    BuildPart(static_cast<int>(i), sample, key, slot.Part(shares_[i].first_field, shares_[i].field_count));
  }
}

void CombinedViewBuilder::BuildPart(int index, const Sample& sample, const RngKey& key,
                                    const ExampleSlot& slot) const {
  RngKey part_key = key;
  part_key.view += static_cast<uint32_t>(index) * kViewsPerTask;
  parts_[index].builder->Build(sample, part_key, slot);
}

}  // namespace pretext
