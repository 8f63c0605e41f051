#include "worker/eval/knn_probe.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "proto/cpp/status_matchers.h"
#include "worker/eval/metrics.h"
#include "worker/eval/top1.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

KnnOptions Options(int neighbours, double temperature = 0.07) {
  KnnOptions options;
  options.neighbours = neighbours;
  options.temperature = temperature;
  return options;
}

std::vector<int64_t> Labels(int64_t count, int classes) {
  std::vector<int64_t> labels(count);
  for (int64_t i = 0; i < count; ++i) labels[i] = i * 7 % classes;
  return labels;
}

// By definition: sort all, add up votes.
std::vector<int64_t> SlowPredictions(const at::Tensor& reference, const std::vector<int64_t>& labels,
                                     int classes, const at::Tensor& queries, const KnnOptions& options) {
  const auto unit = [](const at::Tensor& x) { return x / x.norm(2, {1}, true); };
  const at::Tensor all = unit(queries).matmul(unit(reference).t()).contiguous();
  std::vector<int64_t> predictions;
  for (int64_t q = 0; q < all.size(0); ++q) {
    const float* row = all.const_data_ptr<float>() + q * all.size(1);
    std::vector<int64_t> order(labels.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [row](int64_t a, int64_t b) { return row[a] > row[b]; });
    std::vector<double> votes(classes);
    for (int i = 0; i < options.neighbours; ++i) {
      votes[labels[order[i]]] += std::exp(row[order[i]] / options.temperature);
    }
    predictions.push_back(std::max_element(votes.begin(), votes.end()) - votes.begin());
  }
  return predictions;
}

TEST(KnnProbeTest, EqualsVotingBySortingEverything) {
  const at::Tensor reference = at::randn({1000, 16}), queries = at::randn({200, 16});
  const auto labels = Labels(1000, 10);
  for (const int neighbours : {1, 5, 20, 200}) {
    ASSERT_OK_AND_ASSIGN(const KnnResult result,
                         KnnProbe(reference, labels, 10, queries, Options(neighbours)));
    EXPECT_EQ(result.predictions, SlowPredictions(reference, labels, 10, queries, Options(neighbours)));
  }
}

TEST(KnnProbeTest, OneNeighbourRecognisesTheReferenceSetItself) {
  const at::Tensor features = at::randn({500, 32});
  const auto labels = Labels(500, 10);
  ASSERT_OK_AND_ASSIGN(const KnnResult result, KnnProbe(features, labels, 10, features, Options(1)));
  EXPECT_DOUBLE_EQ(Top1(result.predictions, labels), 1);
}

TEST(KnnProbeTest, IgnoresScaleAndRotation) {
  const at::Tensor reference = at::randn({400, 16}), queries = at::randn({100, 16});
  const auto labels = Labels(400, 5);
  ASSERT_OK_AND_ASSIGN(const KnnResult plain, KnnProbe(reference, labels, 5, queries));
  ASSERT_OK_AND_ASSIGN(const KnnResult scaled, KnnProbe(reference * 37, labels, 5, queries * 0.01));
  EXPECT_EQ(plain.predictions, scaled.predictions);
  const at::Tensor rotation = std::get<0>(at::linalg_qr(at::randn({16, 16})));
  ASSERT_OK_AND_ASSIGN(const KnnResult rotated,
                       KnnProbe(reference.matmul(rotation), labels, 5, queries.matmul(rotation)));
  EXPECT_EQ(plain.predictions, rotated.predictions);
}

TEST(KnnProbeTest, WeighsNearNeighboursMore) {
  // Two pictures of class 1 at cosine 0, one of class 0 at cosine 1: two votes of 1 against e^(1/T).
  const at::Tensor reference = at::tensor({1.f, 0.f, 0.f, 1.f, 0.f, 1.f}).view({3, 2});
  const at::Tensor query = at::tensor({1.f, 0.f}).view({1, 2});
  ASSERT_OK_AND_ASSIGN(const KnnResult sharp, KnnProbe(reference, {0, 1, 1}, 2, query, Options(3, 1.0)));
  EXPECT_THAT(sharp.predictions, ElementsAre(0));  // e > 2
  EXPECT_NEAR(sharp.scores.select(1, 1).item<float>(), std::log(2 / (2 + std::exp(1.0))), 1e-5);
  ASSERT_OK_AND_ASSIGN(const KnnResult flat, KnnProbe(reference, {0, 1, 1}, 2, query, Options(3, 10.0)));
  EXPECT_THAT(flat.predictions, ElementsAre(1));  // e^0.1 < 2
}

TEST(KnnProbeTest, UsesAllPicturesWhenThereAreFewerThanNeighbours) {
  ASSERT_OK_AND_ASSIGN(const KnnResult result,
                       KnnProbe(at::randn({3, 4}), {0, 1, 1}, 2, at::randn({5, 4}), Options(20)));
  EXPECT_EQ(result.predictions.size(), 5);
}

TEST(KnnProbeTest, ClassesWithoutANeighbourNeverScore) {
  const at::Tensor reference = at::randn({50, 8});
  ASSERT_OK_AND_ASSIGN(const KnnResult result,
                       KnnProbe(reference, std::vector<int64_t>(50, 2), 5, at::randn({10, 8})));
  EXPECT_THAT(result.predictions, ::testing::Each(2));
  const absl::Span<const float> scores(result.scores.const_data_ptr<float>(), 50);
  EXPECT_DOUBLE_EQ(TopK(scores, 5, std::vector<int64_t>(10, 0), 5), 0);
  EXPECT_DOUBLE_EQ(TopK(scores, 5, std::vector<int64_t>(10, 2), 1), 1);
}

// A collapsed network must not look like a good one: all pictures are equally near, the first ones count.
TEST(KnnProbeTest, EquallyNearPicturesCountInOrder) {
  std::vector<int64_t> labels(100, 1);
  std::fill(labels.begin(), labels.begin() + 3, 0);
  ASSERT_OK_AND_ASSIGN(const KnnResult result,
                       KnnProbe(at::full({100, 4}, 1.0f), labels, 2, at::full({2, 4}, 1.0f), Options(3)));
  EXPECT_THAT(result.predictions, ElementsAre(0, 0));
}

TEST(KnnProbeTest, StaysFiniteAtSmallTemperatures) {
  const at::Tensor features = at::randn({50, 8});
  ASSERT_OK_AND_ASSIGN(const KnnResult result,
                       KnnProbe(features, Labels(50, 5), 5, features, Options(20, 1e-4)));
  EXPECT_EQ(result.predictions, Labels(50, 5));
  EXPECT_FALSE(result.scores.isnan().any().item<bool>());
}

TEST(KnnProbeTest, RefusesWhatMakesNoSense) {
  const at::Tensor features = at::randn({4, 3});
  const std::vector<int64_t> labels = {0, 1, 0, 1};
  const auto invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(KnnProbe(features, {0, 1}, 2, features),
              StatusIs(invalid, HasSubstr("4 features and 2 labels")));
  EXPECT_THAT(KnnProbe(features, labels, 1, features), StatusIs(invalid, HasSubstr("label 1")));
  EXPECT_THAT(KnnProbe(features, labels, 2, at::randn({4, 2})), StatusIs(invalid, HasSubstr("rows of 3")));
  EXPECT_THAT(KnnProbe(features, labels, 2, features, Options(0)),
              StatusIs(invalid, HasSubstr("neighbours")));
  EXPECT_THAT(KnnProbe(features * std::numeric_limits<float>::quiet_NaN(), labels, 2, features),
              StatusIs(invalid, HasSubstr("diverged")));
}

}  // namespace
}  // namespace pretext
