#include "worker/tasks/copies_view_builder.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "worker/augment/change_colors.h"

namespace pretext {
namespace {

// The first view of the copies' own draws: a task has a thousand, and there are fewer than a thousand tasks.
constexpr uint32_t kCopyViews = 1000000;

}  // namespace

CopiesViewBuilder::CopiesViewBuilder(std::shared_ptr<const CombinedViewBuilder> tasks, const Options& options)
    : tasks_(std::move(tasks)), options_(options), layout_(tasks_->layout()) {
  for (int copy = 0; copy < options_.copies; ++copy) {
    std::vector<CombinedViewBuilder::Share>& shares = shares_.emplace_back();
    for (const int task : options_.tasks) {
      const CombinedViewBuilder::Share& original = tasks_->shares()[task];
      shares.push_back({static_cast<int>(layout_.size()), original.field_count});
      for (int i = 0; i < original.field_count; ++i) {
        Field field = tasks_->layout()[original.first_field + i];
        field.name = absl::StrCat("copy", copy + 1, ".", field.name);
        layout_.push_back(std::move(field));
      }
    }
  }
}

void CopiesViewBuilder::Build(const Sample& sample, const RngKey& key, const ExampleSlot& slot) const {
  tasks_->Build(sample, key, slot.Part(0, static_cast<int>(tasks_->layout().size())));
  for (int copy = 0; copy < options_.copies; ++copy) {
    RngKey copy_key = key;
    copy_key.view += kCopyViews + static_cast<uint32_t>(copy);
    Rng rng(copy_key);
    const Image image = ChangeColors(
        *sample.image, DrawColorChange(options_.augment, *sample.image, options_.image_size, rng));
    Sample changed = sample;
    changed.image = &image;
    for (size_t i = 0; i < options_.tasks.size(); ++i) {
      const CombinedViewBuilder::Share& share = shares_[copy][i];
      tasks_->BuildPart(options_.tasks[i], changed, key, slot.Part(share.first_field, share.field_count));
    }
  }
}

std::vector<CombinedViewBuilder::Share> CopiesViewBuilder::SharesOf(int task) const {
  std::vector<CombinedViewBuilder::Share> shares;
  for (size_t i = 0; i < options_.tasks.size(); ++i) {
    if (options_.tasks[i] != task) continue;
    for (const auto& of_copy : shares_) shares.push_back(of_copy[i]);
  }
  return shares;
}

}  // namespace pretext
