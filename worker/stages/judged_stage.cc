#include "worker/stages/judged_stage.h"

#include <vector>

#include "proto/cpp/status_macros.h"
#include "worker/stages/resolve_stage.h"

namespace pretext {
namespace {

nlohmann::ordered_json LabelsJson(const OpenedDataset& opened, const v1::DataSpec& spec, size_t classes,
                                  absl::Span<const int64_t> labels) {
  std::vector<int64_t> per_class(classes, 0);
  for (const int64_t label : labels) ++per_class[label];
  return {{"pictures", labels.size()},
          {"pictures_per_class", per_class},
          {"digest", opened.facts.label_digest},
          {"labels_per_class", spec.labels_per_class()},
          {"label_draw", spec.label_draw()}};
}

}  // namespace

absl::StatusOr<JudgedStage> OpenJudgedStage(const StageRun& run, const v1::DataSpec& train,
                                            const v1::DataSpec* test, int share) {
  JudgedStage stage;
  PRETEXT_ASSIGN_OR_RETURN(stage.initial, FindInitialWeights(run.job->spec, run.index));
  stage.train_spec = WithChannels(train, stage.initial.card);
  PRETEXT_ASSIGN_OR_RETURN(stage.train, run.datasets->Open(stage.train_spec));
  stage.test_spec = test == nullptr ? stage.train_spec : *test;
  if (test != nullptr) {
    stage.test_spec.set_channels(stage.train->dataset->channels());
    PRETEXT_ASSIGN_OR_RETURN(stage.test, run.datasets->Open(stage.test_spec));
  }
  PRETEXT_ASSIGN_OR_RETURN(
      stage.data, JoinJudgedData(*stage.train->dataset,
                                 stage.test == nullptr ? nullptr : stage.test->dataset.get(), share));
  run.LogData("the data", stage.train->facts);
  if (stage.test != nullptr) run.LogData("the test data", stage.test->facts);
  return stage;
}

void RecordLabels(const JudgedStage& stage, absl::Span<const int64_t> learnt,
                  absl::Span<const int64_t> judged, nlohmann::ordered_json* found) {
  const size_t classes = stage.data.classes.size();
  (*found)["labels"] = LabelsJson(*stage.train, stage.train_spec, classes, learnt);
  (*found)["labels"]["classes"] = stage.data.classes;
  const OpenedDataset& test = stage.test == nullptr ? *stage.train : *stage.test;
  (*found)["test_labels"] = LabelsJson(test, stage.test_spec, classes, judged);
}

}  // namespace pretext
