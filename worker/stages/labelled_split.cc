#include "worker/stages/labelled_split.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "proto/cpp/few_names.h"
#include "proto/cpp/status_macros.h"
#include "worker/data/rng.h"

namespace pretext {
namespace {

constexpr uint32_t kHoldOutView = 0x401D0000;
constexpr uint32_t kSampleView = 0x401E0000;

std::vector<int64_t> LabelsOf(const Dataset& dataset, const std::vector<int64_t>& indices) {
  std::vector<int64_t> labels;
  for (const int64_t index : indices) labels.push_back(dataset.label(index));
  return labels;
}

absl::string_view ShareName(int share) {
  return share == 10 ? "a tenth" : share == 5 ? "a fifth" : share == 3 ? "a third" : "a part";
}

// Keeps `count` of the pictures, in their order.
void KeepSome(int64_t count, std::vector<int64_t>* indices, std::vector<int64_t>* labels) {
  const auto size = static_cast<int64_t>(indices->size());
  if (size <= count) return;
  RngKey key;
  key.stage = kSetupStage;
  key.view = kSampleView;
  std::vector<int64_t> kept = Rng(key).Permutation(size);
  kept.resize(count);
  std::sort(kept.begin(), kept.end());
  std::vector<int64_t> kept_indices, kept_labels;
  for (const int64_t position : kept) {
    kept_indices.push_back((*indices)[position]);
    kept_labels.push_back((*labels)[position]);
  }
  *indices = std::move(kept_indices);
  *labels = std::move(kept_labels);
}

}  // namespace

std::vector<int64_t> LabelledPictures(const Dataset& dataset) {
  std::vector<int64_t> labelled;
  for (int64_t i = 0; i < dataset.size(); ++i) {
    if (dataset.label(i) >= 0) labelled.push_back(i);
  }
  return labelled;
}

LabelledSplit HoldOut(const Dataset& dataset, int share) {
  std::map<int32_t, std::vector<int64_t>> by_class;
  for (const int64_t index : LabelledPictures(dataset)) by_class[dataset.label(index)].push_back(index);
  LabelledSplit split;
  for (const auto& [label, members] : by_class) {
    RngKey key;
    key.stage = kSetupStage;
    key.sample = static_cast<uint64_t>(label);
    key.view = kHoldOutView;
    const std::vector<int64_t> order = Rng(key).Permutation(static_cast<int64_t>(members.size()));
    const size_t held = members.size() < 2 ? 0 : std::max<size_t>(1, members.size() / share);
    for (size_t i = 0; i < members.size(); ++i) {
      (i < held ? split.held_out : split.kept).push_back(members[order[i]]);
    }
  }
  std::sort(split.kept.begin(), split.kept.end());
  std::sort(split.held_out.begin(), split.held_out.end());
  return split;
}

absl::StatusOr<std::vector<int64_t>> ClassesOf(const Dataset& test, const std::vector<int64_t>& indices,
                                               const std::vector<std::string>& classes) {
  std::map<std::string, int64_t> numbers;
  for (size_t i = 0; i < classes.size(); ++i) numbers[classes[i]] = static_cast<int64_t>(i);
  std::vector<int64_t> labels;
  std::set<std::string> unknown;
  for (const int64_t index : indices) {
    const std::string& name = test.class_names()[test.label(index)];
    const auto found = numbers.find(name);
    if (found == numbers.end()) {
      unknown.insert(name);
    } else {
      labels.push_back(found->second);
    }
  }
  if (unknown.empty()) return labels;
  return absl::InvalidArgumentError(absl::StrCat(
      "the test data have pictures of ", unknown.size() == 1 ? "a class" : "classes",
      " that no labelled picture of the training data is of: ", FewNames({unknown.begin(), unknown.end()}),
      "; the training data know ", FewNames(classes)));
}

absl::StatusOr<JudgedData> JoinJudgedData(const Dataset& train, const Dataset* test, int share) {
  JudgedData data;
  data.train = &train;
  data.classes = train.class_names();
  if (data.classes.size() < 2) {
    return absl::InvalidArgumentError(absl::StrCat("the labelled pictures are of ", data.classes.size(),
                                                   data.classes.size() == 1 ? " class" : " classes",
                                                   "; two or more are needed to tell apart"));
  }
  if (test != nullptr) {
    data.test = test;
    data.train_indices = LabelledPictures(train);
    data.test_indices = LabelledPictures(*test);
    data.protocol = absl::StrCat(data.test_indices.size(), " pictures of the test data");
    PRETEXT_ASSIGN_OR_RETURN(data.test_labels, ClassesOf(*test, data.test_indices, data.classes));
  } else {
    LabelledSplit split = HoldOut(train, share);
    data.test = &train;
    data.train_indices = std::move(split.kept);
    data.test_indices = std::move(split.held_out);
    data.test_labels = LabelsOf(train, data.test_indices);
    data.protocol =
        absl::StrCat(ShareName(share), " of each class held out: ", data.test_indices.size(), " pictures");
  }
  data.train_labels = LabelsOf(train, data.train_indices);
  if (data.test_indices.empty()) {
    return absl::InvalidArgumentError(
        test != nullptr ? "the test data have no labelled picture"
                        : "no class has two labelled pictures, so none can be held out to judge by; label "
                          "more, or name test data");
  }
  return data;
}

JudgedData SampleJudged(JudgedData data, int64_t pictures) {
  const int64_t judged = std::max<int64_t>(1, pictures / 3);
  KeepSome(std::max<int64_t>(1, pictures - judged), &data.train_indices, &data.train_labels);
  KeepSome(judged, &data.test_indices, &data.test_labels);
  return data;
}

}  // namespace pretext
