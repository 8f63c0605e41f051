#ifndef PRETEXT_WORKER_DATA_SAMPLER_H_
#define PRETEXT_WORKER_DATA_SAMPLER_H_

#include <cstdint>
#include <vector>

namespace pretext {

// Which samples a rank sees when: a pure function of its arguments, so that any step can be found again
// and the global batch is the same for every world size. An epoch is a random order of the whole set, cut
// into steps of `global_batch`; the rest of an epoch is dropped. Rank r takes the r-th of `world_size` equal
// slices of each micro-batch.
struct SamplerSpec {
  uint64_t seed = 0;
  uint32_t stage = 0;
  int64_t dataset_size = 0;
  int64_t global_batch = 0;  // a multiple of world_size * accumulation, at most dataset_size
  int32_t accumulation = 1;  // micro-batches of a step
  int32_t world_size = 1;
  int32_t rank = 0;
  bool shuffled = true;  // false: every epoch is in the order of the indices
};

class Sampler {
 public:
  explicit Sampler(const SamplerSpec& spec);

  int64_t steps_per_epoch() const;
  int64_t local_batch() const;  // samples of a rank's micro-batch

  // The indices of this rank's micro-batch `micro` of 0 .. accumulation - 1 in `step` (counted over all
  // epochs, from 0). Remembers the order of one epoch; not thread-safe.
  std::vector<int64_t> Indices(int64_t step, int32_t micro = 0);
  // The same for the whole gang, ranks in order.
  std::vector<int64_t> GlobalIndices(int64_t step, int32_t micro = 0);

 private:
  const std::vector<int64_t>& Order(int64_t epoch);

  SamplerSpec spec_;
  int64_t order_epoch_ = -1;
  std::vector<int64_t> order_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_DATA_SAMPLER_H_
