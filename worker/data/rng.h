#ifndef PRETEXT_WORKER_DATA_RNG_H_
#define PRETEXT_WORKER_DATA_RNG_H_

#include <cstdint>
#include <vector>

namespace pretext {

// What a random stream is for. Equal keys give equal streams on every machine, whatever the number of
// threads or ranks and wherever a run was interrupted (design: randomness is counter-based).
struct RngKey {
  uint64_t seed = 0;   // of the job
  uint32_t stage = 0;  // index in the job; kSetupStage below for draws outside any stage
  uint32_t epoch = 0;
  uint64_t sample = 0;  // index in the data set
  uint32_t view = 0;    // one number a use: first view, second view, task, ...
};

// A stage number for draws that belong to no stage.
constexpr uint32_t kSetupStage = 0xFFFFFFFF;

// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): the block of four words
// that belongs to a key and a counter.
void Philox4x32(const uint32_t key[2], const uint32_t counter[4], uint32_t block[4]);

// Philox4x32-10 as a stream of draws. Cheap to make; not thread-safe, so each caller
// makes its own.
class Rng {
 public:
  explicit Rng(const RngKey& key);

  uint32_t NextUint32();
  uint64_t NextUint64();
  // Uniform in [0, 1) with 24 bits.
  float Uniform();
  // Uniform in [low, high).
  double Uniform(double low, double high);
  // Uniform in 0 .. count - 1 without bias. REQUIRES: count > 0.
  uint64_t Below(uint64_t count);
  // True with the given chance. Always takes one draw, so that streams stay aligned.
  bool Chance(double probability);
  // Standard normal (Box-Muller).
  double Normal();
  // A uniformly random order of 0 .. count - 1 (Fisher-Yates).
  std::vector<int64_t> Permutation(int64_t count);

 private:
  void Refill();

  uint32_t key_[2];
  uint32_t counter_[4];
  uint32_t block_[4];
  int used_ = 4;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_DATA_RNG_H_
