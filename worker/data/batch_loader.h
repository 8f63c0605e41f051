#ifndef PRETEXT_WORKER_DATA_BATCH_LOADER_H_
#define PRETEXT_WORKER_DATA_BATCH_LOADER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/cpp/clock.h"
#include "worker/data/batch_layout.h"
#include "worker/data/dataset.h"
#include "worker/data/rng.h"
#include "worker/data/sampler.h"

namespace pretext {

// A decoded picture and where it comes from.
struct Sample {
  const Image* image = nullptr;  // never null in a builder
  int64_t index = 0;             // in the data set
  int32_t label = -1;
};

// Writes the example of one sample. Called concurrently from data threads. `key` names the sample and the
// epoch; the builder sets `view` itself, one number a random stream.
using ExampleBuilder = std::function<void(const Sample& sample, const RngKey& key, const ExampleSlot& slot)>;

// A filled batch. Memory is the loader's and is used again once the Batch is destroyed.
struct LoadedBatch {
  int64_t step = 0;
  int32_t micro = 0;
  int64_t size = 0;                    // examples
  std::vector<const uint8_t*> fields;  // field i holds `size` examples of layout[i], one after the other
  std::vector<int64_t> indices;        // samples, in order
  absl::Duration waited;               // how long Next() waited for it
  std::shared_ptr<void> keep_alive;    // returns the memory to the ring
};

struct BatchLoaderOptions {
  int threads = 1;                 // >= 1
  int depth = 4;                   // batches of the ring, >= 2
  int64_t first_step = 0;          // where to begin: resuming needs no replay
  int64_t last_step = 0;           // one past the last
  double max_broken_share = 0.01;  // of the data set
};

// Threads decode and build examples into a ring of batches ahead of the trainer. The content of a batch
// depends on the sampler and the builder alone, never on `threads`. A sample that cannot be read is replaced
// by the next readable one in index order (deterministically) and reported once by broken().
class BatchLoader {
 public:
  // `dataset` and `clock` are not owned and must outlive the loader.
  BatchLoader(const Dataset* dataset, const SamplerSpec& sampler, BatchLayout layout, ExampleBuilder builder,
              const BatchLoaderOptions& options, Clock* clock);
  ~BatchLoader();  // stops the threads

  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;

  // The next batch in order; waits for it. One caller at a time.
  // OUT_OF_RANGE: last_step is reached. DATA_LOSS: more than max_broken_share of the set is broken; the
  // message counts and names them.
  absl::StatusOr<LoadedBatch> Next();

  // Names and reasons of the files that could not be read so far. Any thread.
  std::vector<std::string> broken() const;

 private:
  class Ring;
  std::shared_ptr<Ring> ring_;  // shared with the batches that are still in use
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_DATA_BATCH_LOADER_H_
