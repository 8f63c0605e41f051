// What every telemetry store promises.

#include "server/store/telemetry_store.h"

#include <stdlib.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/cpp/status_matchers.h"
#include "server/store/memory_telemetry_store.h"
#include "server/store/sqlite_telemetry_store.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

v1::MetricPoint Point(const std::string& metric, int64_t step, int32_t attempt = 1, double value = 0.5) {
  v1::MetricPoint point;
  point.set_metric(metric);
  point.set_step(step);
  point.set_attempt(attempt);
  point.set_value(value);
  point.mutable_time()->set_seconds(1'700'000'000);
  point.mutable_time()->set_nanos(123'456'789);
  return point;
}

v1::LogLine Line(const std::string& text, int32_t rank = 0, int32_t attempt = 1) {
  v1::LogLine line;
  line.set_text(text);
  line.set_rank(rank);
  line.set_attempt(attempt);
  line.set_severity(v1::LogLine::WARNING);
  return line;
}

struct Kind {
  std::string name;
  std::function<std::unique_ptr<TelemetryStore>()> make;
};

class TelemetryStoreTest : public ::testing::TestWithParam<Kind> {
 protected:
  // "metric/step/attempt" of every point of one page.
  std::vector<std::string> Metrics(int64_t cursor, const std::vector<std::string>& metrics = {},
                                   bool newest_attempt_only = false, int limit = 100) {
    const auto page = store_->ReadMetrics("jobs/1", cursor, metrics, newest_attempt_only, limit);
    EXPECT_OK(page.status());
    std::vector<std::string> read;
    for (const v1::MetricPoint& point : page->points) {
      read.push_back(absl::StrCat(point.metric(), "/", point.step(), "/", point.attempt()));
    }
    cursor_ = page->cursor;
    return read;
  }
  std::vector<std::string> Lines(const TelemetryStore::LogQuery& query, int limit = 100) {
    const auto page = store_->ReadLogs("jobs/1", query, limit);
    EXPECT_OK(page.status());
    std::vector<std::string> read;
    for (const v1::LogLine& line : page->lines) read.push_back(line.text());
    cursor_ = page->cursor;
    return read;
  }
  void Write(int64_t sequence, const std::vector<v1::MetricPoint>& points,
             const std::vector<v1::LogLine>& lines = {}, int32_t attempt = 1, int32_t rank = 0) {
    EXPECT_OK(store_->Write("jobs/1", attempt, rank, sequence, points, lines));
  }

  const std::unique_ptr<TelemetryStore> store_ = GetParam().make();
  int64_t cursor_ = 0;  // of the last page
};

TEST_P(TelemetryStoreTest, StoresAReportOnce) {
  Write(1, {Point("loss", 1)}, {Line("a")});
  Write(1, {Point("loss", 2)}, {Line("b")});
  EXPECT_THAT(Metrics(0), ElementsAre("loss/1/1"));
  EXPECT_THAT(Lines({}), ElementsAre("a"));
  Write(2, {Point("loss", 3)});
  EXPECT_THAT(Metrics(0), ElementsAre("loss/1/1", "loss/3/1")) << "the rank's next report";
}

TEST_P(TelemetryStoreTest, CountsTheReportsOfEveryRankAndAttemptByThemselves) {
  Write(7, {}, {Line("a")}, /*attempt=*/1, /*rank=*/0);
  Write(1, {}, {Line("b")}, /*attempt=*/1, /*rank=*/1);
  Write(1, {}, {Line("c")}, /*attempt=*/2, /*rank=*/0);
  Write(7, {}, {Line("d")}, /*attempt=*/1, /*rank=*/0);
  EXPECT_THAT(Lines({}), ElementsAre("a", "b", "c"));
}

TEST_P(TelemetryStoreTest, KeepsTheFirstValueOfAPoint) {
  Write(1, {Point("loss", 1, 1, 0.25)});
  Write(2, {Point("loss", 1, 1, 0.75)});
  ASSERT_OK_AND_ASSIGN(const TelemetryStore::MetricPage page,
                       store_->ReadMetrics("jobs/1", 0, {}, false, 10));
  ASSERT_EQ(page.points.size(), 1);
  EXPECT_EQ(page.points[0].SerializeAsString(), Point("loss", 1, 1, 0.25).SerializeAsString());
}

TEST_P(TelemetryStoreTest, KeepsValuesThatAreNotFinite) {
  const double infinity = std::numeric_limits<double>::infinity();
  Write(1, {Point("loss", 1, 1, std::nan("")), Point("loss", 2, 1, -infinity)});
  ASSERT_OK_AND_ASSIGN(const TelemetryStore::MetricPage page,
                       store_->ReadMetrics("jobs/1", 0, {}, false, 10));
  ASSERT_EQ(page.points.size(), 2);
  EXPECT_TRUE(std::isnan(page.points[0].value()));
  EXPECT_EQ(page.points[1].value(), -infinity);
}

TEST_P(TelemetryStoreTest, GoesOnFromACursor) {
  Write(1, {Point("loss", 1), Point("loss", 2), Point("loss", 3)});
  EXPECT_THAT(Metrics(0, {}, false, 2), ElementsAre("loss/1/1", "loss/2/1"));
  EXPECT_THAT(Metrics(cursor_, {}, false, 2), ElementsAre("loss/3/1"));
  const int64_t end = cursor_;
  EXPECT_THAT(Metrics(end), IsEmpty());
  EXPECT_EQ(cursor_, end);
  Write(2, {Point("loss", 4)});
  EXPECT_THAT(Metrics(end), ElementsAre("loss/4/1"));
}

TEST_P(TelemetryStoreTest, ChoosesMetricsByNameOrPrefix) {
  Write(1, {Point("pretrain/loss", 1), Point("pretrain/rate", 1), Point("evaluate/knn", 1),
            Point("Pretrain/x", 1)});
  EXPECT_THAT(Metrics(0, {"pretrain/*"}), ElementsAre("pretrain/loss/1/1", "pretrain/rate/1/1"));
  EXPECT_THAT(Metrics(0, {"pretrain/loss", "evaluate/*"}),
              ElementsAre("pretrain/loss/1/1", "evaluate/knn/1/1"));
  EXPECT_THAT(Metrics(0, {"*"}).size(), 4);
  EXPECT_THAT(Metrics(0, {"pretrain"}), IsEmpty());
}

TEST_P(TelemetryStoreTest, LeavesOutWhatALaterAttemptReplaced) {
  Write(1, {Point("loss", 1), Point("loss", 2)});
  Write(1, {Point("loss", 2, 2)}, {}, /*attempt=*/2);
  EXPECT_THAT(Metrics(0), ElementsAre("loss/1/1", "loss/2/1", "loss/2/2"));
  EXPECT_THAT(Metrics(0, {}, true), ElementsAre("loss/1/1", "loss/2/2"));
}

TEST_P(TelemetryStoreTest, TailsLinesOfARankAndAnAttempt) {
  Write(1, {}, {Line("a"), Line("b")});
  Write(1, {}, {Line("c", 1)}, 1, /*rank=*/1);
  Write(1, {}, {Line("d", 0, 2), Line("e", 0, 2)}, /*attempt=*/2);
  TelemetryStore::LogQuery query;
  EXPECT_THAT(Lines(query), ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_THAT(Lines(query, 2), ElementsAre("a", "b"));
  query.last = 2;
  EXPECT_THAT(Lines(query), ElementsAre("d", "e"));
  query.rank = 0;
  query.last = 3;
  EXPECT_THAT(Lines(query), ElementsAre("b", "d", "e"));
  query.attempt = 1;
  EXPECT_THAT(Lines(query), ElementsAre("a", "b"));
}

TEST_P(TelemetryStoreTest, ForgetsAJobAndNoOther) {
  Write(1, {Point("loss", 1)}, {Line("a")});
  ASSERT_OK(store_->Write("jobs/2", 1, 0, 1, {Point("loss", 1)}, {}));
  ASSERT_OK(store_->Delete("jobs/1"));
  EXPECT_THAT(Metrics(0), IsEmpty());
  EXPECT_THAT(Lines({}), IsEmpty());
  ASSERT_OK_AND_ASSIGN(const TelemetryStore::MetricPage other,
                       store_->ReadMetrics("jobs/2", 0, {}, false, 10));
  EXPECT_EQ(other.points.size(), 1);
}

TEST_P(TelemetryStoreTest, RefusesACursorFromElsewhere) {
  Write(1, {Point("pretrain/loss", 1)}, {Line("begin")});
  Metrics(0);
  EXPECT_THAT(Metrics(cursor_), IsEmpty()) << "the newest cursor is one of this store's";
  EXPECT_THAT(store_->ReadMetrics("jobs/1", int64_t{1} << 62, {}, false, 10),
              StatusIs(absl::StatusCode::kOutOfRange));
  TelemetryStore::LogQuery query;
  query.cursor = int64_t{1} << 62;
  EXPECT_THAT(store_->ReadLogs("jobs/1", query, 10), StatusIs(absl::StatusCode::kOutOfRange));
}

INSTANTIATE_TEST_SUITE_P(
    All, TelemetryStoreTest,
    ::testing::Values(Kind{"Memory", [] { return std::make_unique<MemoryTelemetryStore>(); }},
                      Kind{"Sqlite",
                           [] {
                             std::string folder = absl::StrCat(::testing::TempDir(), "/store.XXXXXX");
                             return std::move(SqliteTelemetryStore::Open(
                                                  absl::StrCat(mkdtemp(folder.data()), "/telemetry.sqlite")))
                                 .value();
                           }}),
    [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace pretext
