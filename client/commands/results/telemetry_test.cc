// metrics and logs.

#include "client/commands/fake_command_line.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"

namespace pretext {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class TelemetryTest : public ::testing::Test {
 protected:
  TelemetryTest() {
    fake_.AddJob("jobs/1", v1::Job::SUCCEEDED);
    for (int step = 1; step <= 3; ++step) {
      v1::MetricPoint& point = fake_.client.metrics.emplace_back();
      point.set_metric("pretrain/loss");
      point.set_step(step);
      point.set_value(0.1 * step);
      point.set_attempt(1);
    }
    for (int rank = 0; rank < 2; ++rank) {
      v1::LogLine& line = fake_.client.logs.emplace_back();
      line.set_severity(rank == 0 ? v1::LogLine::INFO : v1::LogLine::WARNING);
      line.set_text(absl::StrCat("hello from ", rank, "\x1b[2J"));
      line.set_rank(rank);
      line.set_attempt(1);
      line.mutable_time()->set_seconds(1'700'000'000);
    }
  }
  FakeCommandLine fake_;
};

TEST_F(TelemetryTest, MetricsHaveARowEach) {
  EXPECT_EQ(fake_.Run({"metrics", "1"}), 0);
  EXPECT_EQ(fake_.out.str(),
            "METRIC         NEWEST  AT STEP  LEAST  MOST  POINTS\n"
            "pretrain/loss     0.3        3    0.1   0.3       3\n");
}

TEST_F(TelemetryTest, MetricsAreOneDocumentForPrograms) {
  EXPECT_EQ(fake_.Run({"metrics", "1", "-o", "json"}), 0);
  const nlohmann::json points = nlohmann::json::parse(fake_.out.str());
  ASSERT_EQ(points.size(), 3);
  EXPECT_EQ(points[0]["metric"], "pretrain/loss");
  EXPECT_EQ(points[0]["value"], 0.1);
}

TEST_F(TelemetryTest, AFollowerGetsADocumentALine) {
  EXPECT_EQ(fake_.Run({"metrics", "1", "-o", "json", "--follow"}), 0);
  std::istringstream lines(fake_.out.str());
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count)
    EXPECT_TRUE(nlohmann::json::accept(line)) << line;
  EXPECT_EQ(count, 3);
  EXPECT_EQ(fake_.patiences.back(), kFollowPatience);
}

TEST_F(TelemetryTest, CsvHasEveryDigit) {
  EXPECT_EQ(fake_.Run({"metrics", "1", "-o", "csv"}), 0);
  EXPECT_THAT(fake_.out.str(),
              HasSubstr("metric,step,value,attempt,time\npretrain/loss,1,0.10000000000000001,1,"));
}

TEST_F(TelemetryTest, NoMetricsIsARemark) {
  fake_.client.metrics.clear();
  EXPECT_EQ(fake_.Run({"metrics", "1"}), 0);
  EXPECT_EQ(fake_.out.str(), "");
  EXPECT_EQ(fake_.err.str(), "No metrics yet.\n");
}

TEST_F(TelemetryTest, AMetricThatIsNotThereIsAnErrorWithTheNearestNames) {
  EXPECT_EQ(fake_.Run({"metrics", "1", "--metric", "loss"}), 66);
  EXPECT_EQ(fake_.out.str(), "");
  EXPECT_EQ(fake_.err.str(), "pretext: jobs/1 has no metric 'loss'; did you mean pretrain/loss?\n");
  EXPECT_EQ(fake_.Run({"metrics", "1", "--metric", "pretrain/los", "-o", "json"}), 66);
  EXPECT_EQ(fake_.out.str(), "[]\n") << "still a whole document";
  EXPECT_THAT(fake_.err.str(), HasSubstr("did you mean pretrain/loss?"));
  EXPECT_EQ(fake_.Run({"metrics", "1", "--metric", "pretrain/*"}), 0);
  EXPECT_EQ(fake_.Run({"metrics", "9", "-o", "json"}), 66);
  EXPECT_EQ(fake_.out.str(), "") << "no such job is no document";
}

TEST_F(TelemetryTest, TheNearestNamesAreOfAllStages) {
  v1::Job& job = fake_.AddJob("jobs/1", v1::Job::RUNNING);
  (*job.mutable_progress()->mutable_metrics())["tune/loss"] = 0.5;
  EXPECT_EQ(fake_.Run({"metrics", "1", "--metric", "loss"}), 66);
  EXPECT_THAT(fake_.err.str(), HasSubstr("did you mean pretrain/loss or tune/loss?"));
}

TEST_F(TelemetryTest, NegativeNumbersOfLinesAreRefused) {
  EXPECT_EQ(fake_.Run({"logs", "1", "--last", "-1"}), 64);
  EXPECT_THAT(fake_.err.str(), HasSubstr("--last"));
}

TEST_F(TelemetryTest, LogsAreLinesThatCannotSteerTheTerminal) {
  EXPECT_EQ(fake_.Run({"logs", "1"}), 0);
  EXPECT_EQ(fake_.out.str(),
            "2023-11-14T22:13:20Z rank 0  hello from 0 [2J\n"
            "2023-11-14T22:13:20Z rank 1 WARNING  hello from 1 [2J\n");
  EXPECT_EQ(fake_.Run({"logs", "1", "--rank", "1"}), 0);
  EXPECT_THAT(fake_.out.str(), Not(HasSubstr("hello from 0")));
  EXPECT_EQ(fake_.Run({"logs", "1", "-f", "-o", "json"}), 0);
  EXPECT_EQ(nlohmann::json::parse(fake_.out.str().substr(0, fake_.out.str().find('\n')))["rank"], 0);
}

}  // namespace
}  // namespace pretext
