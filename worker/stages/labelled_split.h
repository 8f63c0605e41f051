#ifndef PRETEXT_WORKER_STAGES_LABELLED_SPLIT_H_
#define PRETEXT_WORKER_STAGES_LABELLED_SPLIT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/data/dataset.h"

namespace pretext {

// Labelled pictures of a data set, by index, ascending.
std::vector<int64_t> LabelledPictures(const Dataset& dataset);

struct LabelledSplit {
  std::vector<int64_t> kept, held_out;  // indices, ascending
};

// Holds out a `share`-th of each class's labelled pictures, at least one of those that have two or more, by a
// draw that depends on the class and nothing else: the same pictures in every job on the same data.
LabelledSplit HoldOut(const Dataset& dataset, int share);

// The class of each of `test`'s pictures `indices` among `classes`, by name. INVALID_ARGUMENT: some are of a
// class that is not there; the message names them.
absl::StatusOr<std::vector<int64_t>> ClassesOf(const Dataset& test, const std::vector<int64_t>& indices,
                                               const std::vector<std::string>& classes);

// Pictures on which something is learnt and others by which it is judged, with classes numbered alike.
struct JudgedData {
  const Dataset* train = nullptr;  // not owned
  const Dataset* test = nullptr;   // may be the same
  std::vector<int64_t> train_indices, test_indices;
  std::vector<int64_t> train_labels, test_labels;  // of each index
  std::vector<std::string> classes;
  std::string protocol;  // for people: "10000 pictures of the test data", "a tenth held out: 12 pictures"
};

// With `test` null a `share`-th of `train` is held out. INVALID_ARGUMENT: fewer than two classes, nothing to
// be judged by, or unknown classes.
absl::StatusOr<JudgedData> JoinJudgedData(const Dataset& train, const Dataset* test, int share);

// So many of the pictures at most, of which a third (of 3 or more) are judged, by a draw that depends on the
// numbers alone.
JudgedData SampleJudged(JudgedData data, int64_t pictures);

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_LABELLED_SPLIT_H_
