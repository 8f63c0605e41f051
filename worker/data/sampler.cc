#include "worker/data/sampler.h"

#include <algorithm>
#include <utility>

#include "worker/data/rng.h"

namespace pretext {
namespace {

constexpr uint32_t kOrderView = 0x5A3B1E00;  // a stream that no sample's view uses

}  // namespace

Sampler::Sampler(const SamplerSpec& spec) : spec_(spec) {}

int64_t Sampler::steps_per_epoch() const { return spec_.dataset_size / spec_.global_batch; }

int64_t Sampler::local_batch() const {
  return spec_.global_batch / (int64_t{spec_.world_size} * spec_.accumulation);
}

const std::vector<int64_t>& Sampler::Order(int64_t epoch) {
  if (epoch != order_epoch_) {
    Rng rng({spec_.seed, spec_.stage, static_cast<uint32_t>(epoch), /*sample=*/0, kOrderView});
    order_ = rng.Permutation(spec_.dataset_size);
    if (!spec_.shuffled) std::sort(order_.begin(), order_.end());
    order_epoch_ = epoch;
  }
  return order_;
}

std::vector<int64_t> Sampler::GlobalIndices(int64_t step, int32_t micro) {
  const std::vector<int64_t>& order = Order(step / steps_per_epoch());
  const int64_t micro_batch = spec_.global_batch / spec_.accumulation;
  const auto begin = order.begin() + step % steps_per_epoch() * spec_.global_batch + micro * micro_batch;
  return std::vector<int64_t>(begin, begin + micro_batch);
}

std::vector<int64_t> Sampler::Indices(int64_t step, int32_t micro) {
  const std::vector<int64_t> all = GlobalIndices(step, micro);
  const auto begin = all.begin() + spec_.rank * local_batch();
  return std::vector<int64_t>(begin, begin + local_batch());
}

}  // namespace pretext
