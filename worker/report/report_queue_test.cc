#include "worker/report/report_queue.h"

#include "gtest/gtest.h"

namespace pretext {
namespace {

v1::MetricPoint Point(int64_t step) {
  v1::MetricPoint point;
  point.set_metric("pretrain/loss");
  point.set_step(step);
  point.set_value(5.5);
  return point;
}

TEST(ReportQueueTest, KeepsTheOrderAndNoPartOutgrowsItsLimit) {
  ReportQueue queue(/*part_bytes=*/200);
  for (int i = 0; i < 100; ++i) queue.Add(Point(i));
  int64_t next = 0;
  while (!queue.empty()) {
    const int64_t told = queue.bytes();
    const v1::ReportRequest part = queue.TakeFirst();
    EXPECT_LE(part.ByteSizeLong(), 200);
    EXPECT_GE(told - queue.bytes(), part.ByteSizeLong());
    for (const v1::MetricPoint& point : part.metrics()) EXPECT_EQ(point.step(), next++);
  }
  EXPECT_EQ(next, 100);
  EXPECT_EQ(queue.bytes(), 0);
}

TEST(ReportQueueTest, APartTakesEveryKind) {
  ReportQueue queue(1000);
  queue.Add(Point(1));
  v1::LogLine line;
  line.set_text("hello");
  queue.Add(line);
  v1::Checkpoint checkpoint;
  checkpoint.set_step(1);
  queue.Add(checkpoint);
  v1::Alarm alarm;
  alarm.set_text("collapsed");
  queue.Add(alarm);
  queue.AddFinishedStage("pretrain");
  ASSERT_EQ(queue.parts(), 1);
  const v1::ReportRequest part = queue.TakeFirst();
  EXPECT_EQ(part.metrics_size(), 1);
  EXPECT_EQ(part.logs(0).text(), "hello");
  EXPECT_EQ(part.checkpoints(0).step(), 1);
  EXPECT_EQ(part.alarms(0).text(), "collapsed");
  EXPECT_EQ(part.finished_stages(0), "pretrain");
}

TEST(ReportQueueTest, WhatIsPutBackComesFirst) {
  ReportQueue queue(60);
  for (int i = 0; i < 6; ++i) queue.Add(Point(i));
  queue.PutBack(queue.TakeFirst());
  EXPECT_EQ(queue.TakeFirst().metrics(0).step(), 0);
}

TEST(ReportQueueTest, TakesWhatIsLargerThanAPartByItself) {
  ReportQueue queue(100);
  queue.Add(Point(1));
  v1::LogLine line;
  line.set_text(std::string(500, 'x'));
  queue.Add(line);
  queue.Add(Point(2));
  EXPECT_EQ(queue.parts(), 3);
}

}  // namespace
}  // namespace pretext
