#include "worker/tasks/match_painters.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/matmul.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

// What is known of one of the two looks.
struct Looks {
  std::vector<Image> pictures;
  std::string name;
  at::Tensor features;  // undefined: nobody was asked
};

Looks LooksAt(const at::Tensor& pictures, std::string name) {
  Looks looks;
  looks.name = std::move(name);
  for (int64_t i = 0; i < pictures.size(0); ++i) looks.pictures.push_back(PictureOf(pictures[i]));
  return looks;
}

// (B, D): the features of pictures (B, S, S, C), by asking about them as if they were the first field.
absl::StatusOr<at::Tensor> FeaturesOf(const PaintRequest& request, const at::Tensor& pictures) {
  Batch asked = *request.batch;
  asked.fields[0] = pictures;
  PRETEXT_ASSIGN_OR_RETURN(const Answers answers, request.task->Answer(asked));
  return answers.features;
}

std::vector<TileRow> Paint(const Looks& first, const Looks& second) {
  std::vector<TileRow> rows;
  const bool answered = first.features.defined();
  const Matches matches = answered ? MatchRows(first.features, second.features) : Matches();
  for (size_t i = 0; i < first.pictures.size(); ++i) {
    const auto number = static_cast<int64_t>(i);
    rows.push_back(
        {{first.pictures[i], first.name, Mark::kNone}, {second.pictures[i], second.name, Mark::kNone}});
    if (!answered) continue;
    const int64_t nearest = matches.nearest[i];
    const auto similarity = [&](int64_t other) {
      return absl::StrFormat("%.2f", matches.similarities[number][other].item<double>());
    };
    absl::StrAppend(&rows.back()[1].caption, "\nsimilarity ", similarity(number));
    rows.back().push_back({second.pictures[nearest],
                           absl::StrCat("most similar of ", first.pictures.size(), ": picture ", nearest + 1,
                                        " (", similarity(nearest), ")"),
                           nearest == number ? Mark::kRight : Mark::kWrong});
  }
  return rows;
}

}  // namespace

Matches MatchRows(const at::Tensor& queries, const at::Tensor& keys) {
  const auto unit = [](const at::Tensor& rows) {
    const at::Tensor values = rows.to(at::kFloat);
    return values / values.square().sum(1, /*keepdim=*/true).sqrt().clamp_min(1e-12);
  };
  Matches matches;
  matches.similarities = at::matmul(unit(queries), unit(keys).t());
  const at::Tensor nearest = matches.similarities.argmax(1).contiguous();
  const int64_t* begin = nearest.const_data_ptr<int64_t>();
  matches.nearest.assign(begin, begin + nearest.numel());
  return matches;
}

PaintedRows PaintMoco(const PaintRequest& request) {
  const Batch& batch = *request.batch;
  Looks query = LooksAt(batch.fields[0], "one view, the query"),
        key = LooksAt(batch.fields[1], "another, its key");
  if (request.task != nullptr) {
    PRETEXT_ASSIGN_OR_RETURN(query.features, FeaturesOf(request, batch.fields[0]));
    PRETEXT_ASSIGN_OR_RETURN(key.features, FeaturesOf(request, batch.fields[1]));
  }
  return Paint(query, key);
}

PaintedRows PaintInstanceDiscrimination(const PaintRequest& request) {
  Looks now = LooksAt(request.batch->fields[0], "a view");
  Looks before = LooksAt(request.again->fields[0], "a view of another epoch, as remembered");
  if (request.task != nullptr) {
    PRETEXT_ASSIGN_OR_RETURN(now.features, FeaturesOf(request, request.batch->fields[0]));
    PRETEXT_ASSIGN_OR_RETURN(before.features, FeaturesOf(request, request.again->fields[0]));
  }
  return Paint(now, before);
}

PaintedRows PaintPirl(const PaintRequest& request) {
  const Batch& batch = *request.batch;
  const at::Tensor& parts = batch.fields[1];  // (B, P, t, t, C)
  Looks picture = LooksAt(batch.fields[0], "the picture");
  Looks copy;
  copy.name = parts.size(1) == 1 ? "its copy, turned" : "its copy, shuffled";
  for (int64_t i = 0; i < parts.size(0); ++i) {
    copy.pictures.push_back(parts.size(1) == 1 ? PictureOf(parts[i][0]) : MosaicOf(parts[i]));
  }
  if (request.task != nullptr) {
    PRETEXT_ASSIGN_OR_RETURN(picture.features, FeaturesOf(request, batch.fields[0]));
    PRETEXT_ASSIGN_OR_RETURN(const at::Tensor of_parts, FeaturesOf(request, parts.flatten(0, 1)));
    copy.features = of_parts.view({parts.size(0), parts.size(1), -1}).mean(1);
  }
  return Paint(picture, copy);
}

}  // namespace pretext
