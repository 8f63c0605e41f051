#include "worker/data/batch_loader.h"

#include <algorithm>
#include <cstdlib>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "worker/data/readable_pictures.h"

namespace pretext {
namespace {

constexpr size_t kAlignment = 64;  // a cache line, and what wide loads like

struct FreeAligned {
  void operator()(uint8_t* memory) const { std::free(memory); }
};
using AlignedBytes = std::unique_ptr<uint8_t, FreeAligned>;

AlignedBytes Allocate(int64_t bytes) {
  const size_t rounded = (static_cast<size_t>(bytes) + kAlignment - 1) / kAlignment * kAlignment;
  return AlignedBytes(static_cast<uint8_t*>(std::aligned_alloc(kAlignment, std::max(rounded, kAlignment))));
}

}  // namespace

// Batches are numbered by `ticket`: step * accumulation + micro, from the first on. Ticket t uses the memory
// of slot t % depth, once the trainer has let go of ticket t - depth. Threads take examples one by one in
// ticket order, so that an early batch is never behind a later one.
class BatchLoader::Ring {
 public:
  Ring(const Dataset* dataset, const SamplerSpec& sampler, BatchLayout layout, ExampleBuilder builder,
       const BatchLoaderOptions& options, Clock* clock)
      : dataset_(dataset),
        spec_(sampler),
        layout_(std::move(layout)),
        builder_(std::move(builder)),
        options_(options),
        clock_(clock),
        steps_per_epoch_(Sampler(sampler).steps_per_epoch()),
        local_batch_(Sampler(sampler).local_batch()),
        end_ticket_(options.last_step * sampler.accumulation),
        sampler_(sampler),
        next_ticket_(options.first_step * sampler.accumulation),
        fill_ticket_(next_ticket_),
        pictures_(dataset, options.max_broken_share) {
    slots_.resize(std::max(2, options.depth));
    for (Slot& slot : slots_) {
      for (const Field& field : layout_) slot.fields.push_back(Allocate(field.bytes() * local_batch_));
    }
    for (int i = 0; i < std::max(1, options.threads); ++i) threads_.emplace_back([this] { FillBatches(); });
  }

  // Ends the threads; batches already handed out stay valid.
  void Stop() {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  absl::StatusOr<LoadedBatch> Next(const std::shared_ptr<Ring>& self) {
    const absl::Time asked = clock_->Now();
    absl::MutexLock lock(&mutex_);
    if (next_ticket_ >= end_ticket_) return absl::OutOfRangeError("the last step is reached");
    Slot& slot = SlotOf(next_ticket_);
    const auto ready = [&] {
      mutex_.AssertHeld();
      return !status_.ok() || (slot.ticket == next_ticket_ && slot.filled == local_batch_);
    };
    clock_->AwaitUntil(&mutex_, absl::Condition(&ready), absl::InfiniteFuture());
    if (!status_.ok()) return status_;
    LoadedBatch batch;
    batch.step = next_ticket_ / spec_.accumulation;
    batch.micro = static_cast<int32_t>(next_ticket_ % spec_.accumulation);
    batch.size = local_batch_;
    batch.indices = slot.indices;
    batch.waited = clock_->Now() - asked;
    for (const AlignedBytes& field : slot.fields) batch.fields.push_back(field.get());
    batch.keep_alive =
        std::shared_ptr<void>(&slot, [self, ticket = next_ticket_](void*) { self->Release(ticket); });
    ++next_ticket_;
    return batch;
  }

  std::vector<std::string> broken() const { return pictures_.broken(); }

 private:
  struct Slot {
    std::vector<AlignedBytes> fields;
    std::vector<int64_t> indices;
    int64_t ticket = -1;  // whose examples it holds
    int64_t taken = 0;    // examples given to threads
    int64_t filled = 0;   // examples done
    bool free = true;
  };

  Slot& SlotOf(int64_t ticket) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return slots_[ticket % slots_.size()];
  }

  void Release(int64_t ticket) {
    absl::MutexLock lock(&mutex_);
    SlotOf(ticket).free = true;
  }

  // Whether a thread has an example to make, or should end.
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (stopping_ || !status_.ok() || fill_ticket_ >= end_ticket_) return true;
    const Slot& slot = slots_[fill_ticket_ % slots_.size()];
    return slot.ticket == fill_ticket_ || slot.free;
  }

  // Takes the next example, beginning a batch where needed. False: no more.
  bool TakeExample(int64_t* ticket, int64_t* position) {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &Ring::HasWork));
    if (stopping_ || !status_.ok() || fill_ticket_ >= end_ticket_) return false;
    Slot& slot = SlotOf(fill_ticket_);
    if (slot.ticket != fill_ticket_) {
      slot.ticket = fill_ticket_;
      slot.taken = slot.filled = 0;
      slot.free = false;
      slot.indices = sampler_.Indices(fill_ticket_ / spec_.accumulation,
                                      static_cast<int32_t>(fill_ticket_ % spec_.accumulation));
    }
    *ticket = fill_ticket_;
    *position = slot.taken++;
    if (slot.taken == local_batch_) ++fill_ticket_;
    return true;
  }

  void FillBatches() {
    int64_t ticket = 0, position = 0;
    while (TakeExample(&ticket, &position)) {
      const absl::Status made = MakeExample(ticket, position);
      absl::MutexLock lock(&mutex_);
      if (!made.ok()) {
        if (status_.ok()) status_ = made;
      } else {
        ++SlotOf(ticket).filled;
      }
    }
  }

  absl::Status MakeExample(int64_t ticket, int64_t position) {
    int64_t index;
    std::vector<uint8_t*> fields;
    {
      absl::MutexLock lock(&mutex_);
      const Slot& slot = SlotOf(ticket);
      index = slot.indices[position];
      for (size_t i = 0; i < layout_.size(); ++i) {
        fields.push_back(slot.fields[i].get() + layout_[i].bytes() * position);
      }
    }
    RngKey key;
    key.seed = spec_.seed;
    key.stage = spec_.stage;
    key.epoch = static_cast<uint32_t>(ticket / spec_.accumulation / steps_per_epoch_);
    key.sample = static_cast<uint64_t>(index);  // of the sample drawn, also where another stands in
    absl::StatusOr<Image> image = pictures_.Load(&index);
    if (!image.ok()) return image.status();
    Sample sample;
    sample.image = &*image;
    sample.index = index;
    sample.label = dataset_->label(index);
    builder_(sample, key, ExampleSlot(fields, layout_));
    return absl::OkStatus();
  }

  const Dataset* const dataset_;  // not owned
  const SamplerSpec spec_;
  const BatchLayout layout_;
  const ExampleBuilder builder_;
  const BatchLoaderOptions options_;
  Clock* const clock_;  // not owned
  const int64_t steps_per_epoch_;
  const int64_t local_batch_;
  const int64_t end_ticket_;

  mutable absl::Mutex mutex_;
  Sampler sampler_ ABSL_GUARDED_BY(mutex_);
  // The memory a slot's fields point at is written without the lock, by the thread that took the example.
  std::vector<Slot> slots_ ABSL_GUARDED_BY(mutex_);
  int64_t next_ticket_ ABSL_GUARDED_BY(mutex_);  // the trainer's next
  int64_t fill_ticket_ ABSL_GUARDED_BY(mutex_);  // the threads' next
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);  // why it cannot go on

  ReadablePictures pictures_;
  std::vector<std::thread> threads_;
};

BatchLoader::BatchLoader(const Dataset* dataset, const SamplerSpec& sampler, BatchLayout layout,
                         ExampleBuilder builder, const BatchLoaderOptions& options, Clock* clock)
    : ring_(std::make_shared<Ring>(dataset, sampler, std::move(layout), std::move(builder), options, clock)) {
}

BatchLoader::~BatchLoader() { ring_->Stop(); }

absl::StatusOr<LoadedBatch> BatchLoader::Next() { return ring_->Next(ring_); }

std::vector<std::string> BatchLoader::broken() const { return ring_->broken(); }

}  // namespace pretext
