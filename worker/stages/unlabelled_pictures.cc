#include "worker/stages/unlabelled_pictures.h"

#include "worker/data/permuted_index.h"

namespace pretext {
namespace {

// Streams that no labelled picture's view uses.
constexpr uint32_t kOrderView = 0x0B5E0000;
constexpr uint32_t kFirstView = 0x0B5E0001;  // two for each picture

}  // namespace

UnlabelledPictures::UnlabelledPictures(const UnlabelledPicturesOptions& options)
    : options_(options),
      views_(options.augment, options.image_size, options.dataset->channels()),
      copies_(options.copy_augment, options.image_size, options.dataset->channels()),
      pictures_(options.dataset, options.max_broken_share) {}

BatchLayout UnlabelledPictures::layout() const {
  const int64_t size = options_.image_size;
  const std::vector<int64_t> shape = {options_.ratio, size, size, options_.dataset->channels()};
  return {{"unlabelled", ElementType::kUint8, shape}, {"unlabelled_copy", ElementType::kUint8, shape}};
}

int64_t UnlabelledPictures::IndexOf(const RngKey& key, int number) const {
  const int64_t size = options_.dataset->size();
  const int64_t drawn =
      (int64_t{key.epoch} * options_.labelled + static_cast<int64_t>(key.sample)) * options_.ratio + number;
  RngKey order = key;
  order.epoch = static_cast<uint32_t>(drawn / size);
  order.sample = 0;
  order.view = kOrderView;
  return PermutedIndex(order, size, drawn % size);
}

void UnlabelledPictures::Render(const RngKey& key, const ExampleSlot& slot) {
  const size_t bytes = static_cast<size_t>(views_.bytes());
  for (int number = 0; number < options_.ratio; ++number) {
    int64_t index = IndexOf(key, number);
    const absl::StatusOr<Image> image = pictures_.Load(&index);
    if (!image.ok()) {
      absl::MutexLock lock(&mutex_);
      status_.Update(image.status());
      return;
    }
    RngKey view = key;
    view.view = kFirstView + 2 * static_cast<uint32_t>(number);
    Rng rng(view);
    views_.Render(*image, rng, slot.field<uint8_t>(0).subspan(number * bytes, bytes));
    ++view.view;
    Rng copy_rng(view);
    copies_.Render(*image, copy_rng, slot.field<uint8_t>(1).subspan(number * bytes, bytes));
  }
}

absl::Status UnlabelledPictures::status() const {
  absl::MutexLock lock(&mutex_);
  return status_;
}

}  // namespace pretext
