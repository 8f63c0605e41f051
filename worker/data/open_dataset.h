#ifndef PRETEXT_WORKER_DATA_OPEN_DATASET_H_
#define PRETEXT_WORKER_DATA_OPEN_DATASET_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "pretext/v1/data.pb.h"
#include "worker/data/dataset.h"

namespace pretext {

// What a look at the data found, for defaults and for people.
struct DatasetFacts {
  int64_t pictures = 0;
  int64_t labelled = 0;
  std::vector<int64_t> per_class;  // labelled pictures of each class
  int channels = 3;                // 1 when every picture looked at is grey
  int median_height = 0;
  int median_width = 0;
  std::vector<std::string> ignored;  // files that are no pictures, with the reason
  std::string label_digest;          // SHA-256 of the (name, class) list, hex; empty without labels
};

struct OpenedDataset {
  std::unique_ptr<Dataset> dataset;
  DatasetFacts facts;
};

// A data set is opened in two steps, so that pictures are listed, probed and decoded once however often they
// are labelled: by other files, by another draw, or not at all.
struct OpenedPictures {
  std::shared_ptr<const Dataset> pictures;  // none is labelled
  DatasetFacts facts;                       // nothing of labels
};

// Opens what `spec` names, with the in-memory cache in front if the set fits. The order of samples is that of
// sorted relative paths (folders) or of the file (IDX). NOT_FOUND: a path is not there. INVALID_ARGUMENT: no
// pictures; the message says what and where.
absl::StatusOr<OpenedPictures> OpenPictures(const v1::DataSpec& spec);

// Joins the labels that `spec` names and applies its draw of them. `opened` are the pictures of `spec`.
// NOT_FOUND, INVALID_ARGUMENT: the label file is not there or does not fit; the message says what and where.
absl::StatusOr<OpenedDataset> LabelPictures(const OpenedPictures& opened, const v1::DataSpec& spec);

}  // namespace pretext

#endif  // PRETEXT_WORKER_DATA_OPEN_DATASET_H_
