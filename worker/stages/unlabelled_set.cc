#include "worker/stages/unlabelled_set.h"

#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"

namespace pretext {

absl::StatusOr<UnlabelledSet> OpenUnlabelled(const StageRun& run, const v1::UnlabelledSpec& unlabelled,
                                             const JudgedStage& judged) {
  v1::DataSpec spec = unlabelled.has_data() ? unlabelled.data() : judged.train_spec;
  spec.clear_labels();
  spec.clear_labels_per_class();
  spec.clear_label_draw();
  spec.set_channels(judged.train->dataset->channels());
  UnlabelledSet set;
  set.max_broken_share = spec.max_broken_share();
  PRETEXT_ASSIGN_OR_RETURN(set.opened, run.datasets->Open(spec));
  std::set<int64_t> judged_by;
  if (spec.images() == judged.test_spec.images()) {
    judged_by.insert(judged.data.test_indices.begin(), judged.data.test_indices.end());
  }
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < set.opened->dataset->size(); ++i) {
    if (judged_by.count(i) == 0) indices.push_back(i);
  }
  const absl::string_view whose = unlabelled.has_data() ? "the unlabelled data" : "the training data";
  if (indices.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "there is nothing to learn from without labels: all ", judged_by.size(), " pictures of ", whose,
        " are those to be judged by; name others as unlabelled.data, or leave unlabelled out"));
  }
  set.protocol = absl::StrCat(indices.size(), " pictures of ", whose);
  if (!judged_by.empty())
    absl::StrAppend(&set.protocol, ", all but the ", judged_by.size(), " to be judged by");
  if (unlabelled.has_data()) run.LogData(std::string(whose), set.opened->facts);
  set.pictures = std::make_unique<SubsetDataset>(set.opened->dataset.get(), std::move(indices));
  return set;
}

}  // namespace pretext
