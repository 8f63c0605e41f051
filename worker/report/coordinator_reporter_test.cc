#include "worker/report/coordinator_reporter.h"

#include <filesystem>
#include <thread>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/cpp/fake_clock.h"
#include "proto/cpp/status_matchers.h"
#include "worker/report/acknowledged_mark.h"
#include "worker/report/fake_coordinator.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;
using Mood = FakeCoordinator::Mood;
using Reports = std::vector<v1::ReportRequest>;

class CoordinatorReporterTest : public testing::Test {
 protected:
  CoordinatorReporterTest() {
    options_.job = "jobs/7-xray";
    options_.attempt = 2;
    options_.rank = 1;
    options_.interval = absl::Milliseconds(2);
    options_.retry.first_delay = absl::Milliseconds(1);
    options_.retry.longest_delay = absl::Milliseconds(5);
    options_.output =
        absl::StrCat(testing::TempDir(), "/", testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(options_.output);
  }

  std::unique_ptr<CoordinatorReporter> Make(Clock* clock = RealClock()) {
    return std::make_unique<CoordinatorReporter>(options_, coordinator_.NewStub(), clock);
  }

  static int64_t Points(const Reports& reports) {
    int64_t points = 0;
    for (const v1::ReportRequest& report : reports) points += report.metrics_size();
    return points;
  }
  // Every step of [0, steps) once and in order.
  static void ExpectEveryStep(const Reports& reports, int64_t steps) {
    int64_t next = 0;
    for (const v1::ReportRequest& report : reports) {
      for (const v1::MetricPoint& point : report.metrics()) EXPECT_EQ(point.step(), next++);
    }
    EXPECT_EQ(next, steps);
  }
  static v1::Outcome Finished() {
    v1::Outcome outcome;
    outcome.set_kind(v1::Outcome::FINISHED);
    return outcome;
  }

  FakeCoordinator coordinator_;
  CoordinatorReporterOptions options_;
};

TEST_F(CoordinatorReporterTest, SaysHelloAtOnce) {
  options_.interval = absl::Hours(1);
  const auto reporter = Make();
  const Reports reports = coordinator_.Await([](const Reports& all) { return all.size() == 1; });
  EXPECT_EQ(reports[0].job(), "jobs/7-xray");
  EXPECT_EQ(reports[0].attempt(), 2);
  EXPECT_EQ(reports[0].rank(), 1);
  EXPECT_EQ(reports[0].sequence(), 1);
}

TEST_F(CoordinatorReporterTest, SendsEveryKindWithItsTime) {
  options_.interval = absl::Hours(1);
  FakeClock clock(absl::FromUnixMillis(1'700'000'000'250));
  const auto reporter = Make(&clock);
  coordinator_.Await([](const Reports& all) { return all.size() == 1; });
  v1::Progress progress;
  progress.set_stage("pretrain");
  progress.set_step(3);
  reporter->SetProgress(progress);
  reporter->AddMetrics(3, {{"pretrain/loss", 5.5}, {"pretrain/moco/accuracy", 0.25}});
  reporter->Log(v1::LogLine::WARNING, "caf\xE9.jpg is broken");
  v1::Checkpoint checkpoint;
  checkpoint.set_stage("pretrain");
  checkpoint.set_step(3);
  reporter->AddCheckpoint(checkpoint);
  v1::Alarm alarm;
  alarm.set_kind(v1::Alarm::COLLAPSE);
  alarm.set_text("all the same");
  reporter->AddAlarm(alarm);
  reporter->FinishStage("pretrain");
  const Reports reports =
      coordinator_.Await([](const Reports& all) { return !all.back().finished_stages().empty(); });
  v1::ReportRequest all;
  for (const v1::ReportRequest& report : reports) all.MergeFrom(report);
  EXPECT_EQ(all.progress().step(), 3);
  ASSERT_EQ(all.metrics_size(), 2);
  EXPECT_EQ(all.metrics(0).metric(), "pretrain/loss");
  EXPECT_EQ(all.metrics(1).metric(), "pretrain/moco/accuracy");
  EXPECT_EQ(all.metrics(1).value(), 0.25);
  EXPECT_EQ(all.metrics(1).step(), 3);
  EXPECT_EQ(all.metrics(1).time().seconds(), 1'700'000'000);
  EXPECT_EQ(all.metrics(1).time().nanos(), 250'000'000);
  ASSERT_EQ(all.logs_size(), 1);
  EXPECT_EQ(all.logs(0).text(), "caf\xEF\xBF\xBD.jpg is broken");
  EXPECT_EQ(all.logs(0).severity(), v1::LogLine::WARNING);
  ASSERT_EQ(all.checkpoints_size(), 1);
  EXPECT_EQ(all.checkpoints(0).step(), 3);
  ASSERT_EQ(all.alarms_size(), 1);
  EXPECT_EQ(all.alarms(0).text(), "all the same");
  EXPECT_EQ(all.alarms(0).time().seconds(), 1'700'000'000);
  EXPECT_THAT(all.finished_stages(), testing::ElementsAre("pretrain"));
}

TEST_F(CoordinatorReporterTest, ReportsEveryIntervalAsASignOfLife) {
  options_.interval = absl::Seconds(10);
  FakeClock clock;
  const auto reporter = Make(&clock);
  for (int reports = 1; reports < 5; ++reports) {
    coordinator_.Await([&](const Reports& all) { return all.size() == reports; });
    clock.Advance(absl::Seconds(10));
  }
}

TEST_F(CoordinatorReporterTest, RepeatsTheSameReportUntilItIsAcknowledged) {
  coordinator_.SetMood(Mood::kForgets);
  const auto reporter = Make();
  coordinator_.AwaitCalls(2);
  // What comes meanwhile is of later reports; the fake compares what is repeated.
  for (int step = 0; step < 100; ++step) reporter->AddMetrics(step, {{"pretrain/loss", 1.0 * step}});
  coordinator_.AwaitCalls(coordinator_.calls() + 10);
  EXPECT_EQ(coordinator_.Await([](const Reports&) { return true; }).size(), 1);
  coordinator_.SetMood(Mood::kAnswers);
  ExpectEveryStep(coordinator_.Await([](const Reports& all) { return Points(all) >= 100; }), 100);
}

TEST_F(CoordinatorReporterTest, LosesNothingWhenTheCoordinatorIsKilledAndComesBack) {
  const auto reporter = Make();
  int64_t step = 0;
  for (int outage = 0; outage < 2; ++outage) {
    for (int i = 0; i < 500; ++i) reporter->AddMetrics(step++, {{"pretrain/loss", 0.5}});
    coordinator_.Await([&](const Reports& all) { return Points(all) > 500 * outage; });
    coordinator_.Stop();
    for (int i = 0; i < 500; ++i) reporter->AddMetrics(step++, {{"pretrain/loss", 0.5}});
    coordinator_.Start();
  }
  EXPECT_OK(reporter->Finish(Finished(), absl::Minutes(1)));
  ExpectEveryStep(coordinator_.Await([](const Reports&) { return true; }), 2000);
}

TEST_F(CoordinatorReporterTest, SplitsWhatDoesNotFitOneMessage) {
  options_.report_bytes = 1000;
  coordinator_.SetMood(Mood::kRefuses);
  const auto reporter = Make();
  for (int step = 0; step < 1000; ++step) reporter->AddMetrics(step, {{"pretrain/loss", 0.5}});
  coordinator_.SetMood(Mood::kAnswers);
  EXPECT_OK(reporter->Finish(Finished(), absl::Minutes(1)));
  const Reports reports = coordinator_.Await([](const Reports&) { return true; });
  ExpectEveryStep(reports, 1000);
  EXPECT_GT(reports.size(), 30);
  for (const v1::ReportRequest& report : reports) EXPECT_LT(report.ByteSizeLong(), 1100);
  EXPECT_EQ(reports.back().outcome().kind(), v1::Outcome::FINISHED);
  EXPECT_FALSE(reports[reports.size() - 2].has_outcome());
}

TEST_F(CoordinatorReporterTest, WhatMemoryDoesNotHoldWaitsOnDiskInOrder) {
  options_.report_bytes = 1000;
  options_.memory_bytes = 3000;
  coordinator_.SetMood(Mood::kRefuses);
  const auto reporter = Make();
  for (int step = 0; step < 2000; ++step) {
    reporter->AddMetrics(step, {{"pretrain/loss", 0.5}});
    if (step % 500 == 0) coordinator_.AwaitCalls(coordinator_.calls() + 2);
  }
  coordinator_.SetMood(Mood::kAnswers);
  EXPECT_OK(reporter->Finish(Finished(), absl::Minutes(1)));
  ExpectEveryStep(coordinator_.Await([](const Reports&) { return true; }), 2000);
}

TEST_F(CoordinatorReporterTest, WhatTheDiskDoesNotTakeWaitsInMemory) {
  options_.report_bytes = 1000;
  options_.memory_bytes = 3000;
  options_.output = "/nowhere/at/all";
  coordinator_.SetMood(Mood::kRefuses);
  const auto reporter = Make();
  for (int step = 0; step < 1000; ++step) reporter->AddMetrics(step, {{"pretrain/loss", 0.5}});
  coordinator_.AwaitCalls(coordinator_.calls() + 3);
  coordinator_.SetMood(Mood::kAnswers);
  EXPECT_OK(reporter->Finish(Finished(), absl::Minutes(1)));
  ExpectEveryStep(coordinator_.Await([](const Reports&) { return true; }), 1000);
}

TEST_F(CoordinatorReporterTest, CutsALineThatWouldNotFit) {
  const auto reporter = Make();
  reporter->Log(v1::LogLine::INFO, std::string(10'000'000, 'x'));
  EXPECT_OK(reporter->Finish(Finished(), absl::Minutes(1)));
  std::string text;
  for (const v1::ReportRequest& report : coordinator_.Await([](const Reports&) { return true; })) {
    EXPECT_LT(report.ByteSizeLong(), 70'000);
    for (const v1::LogLine& line : report.logs()) text += line.text();
  }
  EXPECT_THAT(text, HasSubstr("xxx... (9934464 more bytes)"));
}

TEST_F(CoordinatorReporterTest, AFencedRankStopsAndSendsNothingMore) {
  coordinator_.SetMood(Mood::kFences);
  const auto reporter = Make();
  EXPECT_THAT(reporter->Finish(Finished(), absl::Minutes(1)),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("attempt 1 is over")));
  EXPECT_TRUE(reporter->fenced());
  EXPECT_TRUE(reporter->stop_requested());
  reporter->AddMetrics(1, {{"pretrain/loss", 1}});
  reporter->FinishStage("pretrain");
  EXPECT_EQ(coordinator_.calls(), 1);
}

TEST_F(CoordinatorReporterTest, CanEndTheProcessBeforeAnyoneStopsForAnAttemptThatIsOver) {
  coordinator_.SetMood(Mood::kFences);
  CoordinatorReporter* reporter = nullptr;
  absl::Mutex made;
  absl::Notification called;
  options_.on_fenced = [&] {
    absl::MutexLock lock(&made);
    EXPECT_FALSE(reporter->fenced());
    EXPECT_FALSE(reporter->stop_requested());
    called.Notify();
  };
  std::unique_ptr<CoordinatorReporter> owner;
  {
    absl::MutexLock lock(&made);
    owner = Make();
    reporter = owner.get();
  }
  called.WaitForNotification();
}

TEST_F(CoordinatorReporterTest, StopsAsTheCoordinatorAsks) {
  const auto reporter = Make();
  coordinator_.Await([](const Reports& all) { return !all.empty(); });
  EXPECT_FALSE(reporter->stop_requested());
  coordinator_.SetStop(true);
  // By the second report after that the answer to the first is known.
  const int64_t told = coordinator_.Await([](const Reports&) { return true; }).size();
  coordinator_.Await([&](const Reports& all) { return all.size() >= told + 2; });
  EXPECT_TRUE(reporter->stop_requested());
  EXPECT_FALSE(reporter->fenced());
}

TEST_F(CoordinatorReporterTest, StopsOnASignal) {
  const auto reporter = Make();
  reporter->RequestStop();
  EXPECT_TRUE(reporter->stop_requested());
  EXPECT_FALSE(reporter->fenced());
}

TEST_F(CoordinatorReporterTest, FinishWaitsForACoordinatorThatIsAway) {
  options_.interval = absl::Hours(1);
  const auto reporter = Make();
  coordinator_.Await([](const Reports& all) { return !all.empty(); });
  coordinator_.Stop();
  reporter->AddMetrics(1, {{"pretrain/loss", 1}});
  v1::Outcome outcome;
  outcome.set_kind(v1::Outcome::FAILED);
  outcome.mutable_failure()->set_message("caf\xE9");
  absl::Status status = absl::UnknownError("");
  std::thread finisher([&] { status = reporter->Finish(outcome, absl::Minutes(1)); });
  coordinator_.Start();
  finisher.join();
  EXPECT_OK(status);
  const Reports reports = coordinator_.Await([](const Reports&) { return true; });
  EXPECT_EQ(Points(reports), 1);
  EXPECT_EQ(reports.back().outcome().kind(), v1::Outcome::FAILED);
  EXPECT_EQ(reports.back().outcome().failure().message(), "caf\xEF\xBF\xBD");
}

TEST_F(CoordinatorReporterTest, FinishGivesUpWhenItsPatienceEnds) {
  coordinator_.SetMood(Mood::kRefuses);
  const auto reporter = Make();
  coordinator_.AwaitCalls(2);
  EXPECT_THAT(reporter->Finish(Finished(), absl::Milliseconds(20)),
              StatusIs(absl::StatusCode::kUnavailable,
                       testing::AllOf(HasSubstr("rank 1 of jobs/7-xray within 20ms"), HasSubstr("away"))));
}

TEST_F(CoordinatorReporterTest, ACallThatHangsIsTriedAgain) {
  options_.call_timeout = absl::Milliseconds(20);
  coordinator_.SetMood(Mood::kHangs);
  const auto reporter = Make();
  coordinator_.AwaitCalls(2);
  coordinator_.SetMood(Mood::kAnswers);
  EXPECT_OK(reporter->Finish(Finished(), absl::Minutes(1)));
}

TEST_F(CoordinatorReporterTest, GoesAtOnceThoughACallHangs) {
  options_.call_timeout = absl::Hours(1);
  coordinator_.SetMood(Mood::kHangs);
  auto reporter = Make();
  coordinator_.AwaitCalls(1);
  reporter = nullptr;  // or the test times out
}

TEST_F(CoordinatorReporterTest, MarksWhatIsAcknowledged) {
  const auto reporter = Make();
  reporter->AddMetrics(41, {{"pretrain/loss", 1}});
  reporter->AddMetrics(42, {{"pretrain/loss", 1}, {"pretrain/moco/loss", 1}});
  EXPECT_OK(reporter->Finish(Finished(), absl::Minutes(1)));
  ASSERT_OK_AND_ASSIGN(const AcknowledgedPoint mark, ReadAcknowledgedMark(options_.output));
  EXPECT_EQ(mark.stage, "pretrain");
  EXPECT_EQ(mark.step, 42);
}

TEST_F(CoordinatorReporterTest, TakesEverythingFromManyThreadsThroughLostAnswers) {
  options_.report_bytes = 2000;
  const auto reporter = Make();
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 500; ++i) {
        reporter->AddMetrics(i, {{absl::StrCat("stage/", thread), 1.0 * i}});
        reporter->Log(v1::LogLine::INFO, absl::StrCat(thread, " ", i));
        v1::Progress progress;
        progress.set_step(i);
        reporter->SetProgress(progress);
        (void)reporter->stop_requested();
        if (i % 100 == 0) coordinator_.SetMood(i % 200 == 0 ? Mood::kForgets : Mood::kRefuses);
        if (i % 100 == 50) coordinator_.SetMood(Mood::kAnswers);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_OK(reporter->Finish(Finished(), absl::Minutes(1)));
  std::map<std::string, int64_t> next;
  int64_t lines = 0;
  for (const v1::ReportRequest& report : coordinator_.Await([](const Reports&) { return true; })) {
    for (const v1::MetricPoint& point : report.metrics()) EXPECT_EQ(point.step(), next[point.metric()]++);
    lines += report.logs_size();
  }
  EXPECT_EQ(next.size(), 4);
  for (const auto& [metric, steps] : next) EXPECT_EQ(steps, 500) << metric;
  EXPECT_EQ(lines, 2000);
}

}  // namespace
}  // namespace pretext
