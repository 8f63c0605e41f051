#include "server/rpc/job_query.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/cpp/proto_time.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::Job Job(int serial, v1::Job::State state, int priority, const std::string& name) {
  v1::Job job;
  job.set_name(absl::StrCat("jobs/", serial, "-", name));
  job.set_state(state);
  job.mutable_spec()->set_name(name);
  job.mutable_spec()->set_priority(priority);
  *job.mutable_create_time() = ToTimestamp(absl::FromUnixSeconds(1'700'000'000 + serial));
  return job;
}

std::vector<v1::Job> Jobs() {
  std::vector<v1::Job> jobs = {Job(1, v1::Job::RUNNING, 0, "xray"), Job(2, v1::Job::QUEUED, 5, "skin"),
                               Job(3, v1::Job::RUNNING, 9, "xray"),
                               Job(4, v1::Job::FAILED, -3, "moon rocks")};
  (*jobs[1].mutable_spec()->mutable_labels())["team"] = "vision";
  return jobs;
}

v1::ListJobsRequest Request(const std::string& filter, const std::string& order_by = "") {
  v1::ListJobsRequest request;
  request.set_filter(filter);
  request.set_order_by(order_by);
  return request;
}

std::vector<std::string> Select(const v1::ListJobsRequest& request) {
  const absl::StatusOr<v1::ListJobsResponse> response = SelectJobs(Jobs(), request);
  EXPECT_OK(response);
  std::vector<std::string> names;
  for (const v1::Job& job : response->jobs()) names.push_back(job.name());
  return names;
}

TEST(JobQueryTest, GivesTheNewestFirstByDefault) {
  EXPECT_THAT(Select(Request("")),
              ElementsAre("jobs/4-moon rocks", "jobs/3-xray", "jobs/2-skin", "jobs/1-xray"));
}

TEST(JobQueryTest, JoinsTermsByAnd) {
  EXPECT_THAT(Select(Request("state = RUNNING AND priority > 3")), ElementsAre("jobs/3-xray"));
  EXPECT_THAT(Select(Request("state=running and name!=\"xray\"")), IsEmpty());
}

TEST(JobQueryTest, ComparesEveryField) {
  EXPECT_THAT(Select(Request("name = \"moon rocks\"")), ElementsAre("jobs/4-moon rocks"));
  EXPECT_THAT(Select(Request("name = jobs/2-skin")), ElementsAre("jobs/2-skin"));
  EXPECT_THAT(Select(Request("labels.team = \"vision\"")), ElementsAre("jobs/2-skin"));
  EXPECT_THAT(Select(Request("labels.team != vision AND state != FAILED")),
              ElementsAre("jobs/3-xray", "jobs/1-xray"));
  EXPECT_THAT(Select(Request("priority <= 0")), ElementsAre("jobs/4-moon rocks", "jobs/1-xray"));
  EXPECT_THAT(Select(Request("create_time > 2023-11-14T22:13:22Z")),
              ElementsAre("jobs/4-moon rocks", "jobs/3-xray"));
  EXPECT_THAT(Select(Request("create_time < 2023-11-14")), IsEmpty());
}

TEST(JobQueryTest, OrdersByWhatIsAsked) {
  EXPECT_THAT(Select(Request("", "priority desc")),
              ElementsAre("jobs/3-xray", "jobs/2-skin", "jobs/1-xray", "jobs/4-moon rocks"));
  EXPECT_THAT(Select(Request("", "name")),
              ElementsAre("jobs/4-moon rocks", "jobs/2-skin", "jobs/1-xray", "jobs/3-xray"));
  EXPECT_THAT(Select(Request("", "create_time")),
              ElementsAre("jobs/1-xray", "jobs/2-skin", "jobs/3-xray", "jobs/4-moon rocks"));
}

TEST(JobQueryTest, NamesWhatIsWrongAndWhere) {
  struct Row {
    std::string filter;
    std::string column;
    std::string what;
  };
  for (const Row& row :
       {Row{"stat = RUNNING", "column 1", "did you mean state?"},
        Row{"state = RUNING", "column 9", "did you mean RUNNING?"},
        Row{"state > RUNNING", "column 7", "= and !="}, Row{"priority = high", "column 12", "whole number"},
        Row{"create_time > yesterday", "column 15", "2026-03-01"},
        Row{"state = RUNNING OR priority > 3", "column 17", "joined by AND"},
        Row{"name = \"xray", "column 8", "never closed"}, Row{"name", "column 5", "operator"},
        Row{"name =", "column 7", "value is missing"},
        Row{"state = RUNNING AND", "column 20", "missing after AND"},
        Row{"labels. = 3", "column 1", "key is missing"}}) {
    EXPECT_THAT(
        JobFilter::Parse(row.filter).status(),
        StatusIs(absl::StatusCode::kInvalidArgument, AllOf(HasSubstr(row.column), HasSubstr(row.what))))
        << row.filter;
  }
  EXPECT_THAT(JobOrder::Parse("prioriti desc").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("did you mean priority?")));
}

TEST(JobQueryTest, PagesNeitherRepeatNorSkipAJobWhenOthersComeAndGo) {
  v1::ListJobsRequest request = Request("", "create_time");
  request.set_page_size(2);
  std::vector<v1::Job> jobs = Jobs();
  ASSERT_OK_AND_ASSIGN(const v1::ListJobsResponse first, SelectJobs(jobs, request));
  ASSERT_EQ(first.jobs_size(), 2);
  request.set_page_token(first.next_page_token());
  jobs.erase(jobs.begin() + 1);  // the very job the first page ended with
  jobs.push_back(Job(5, v1::Job::QUEUED, 0, "new"));
  ASSERT_OK_AND_ASSIGN(const v1::ListJobsResponse second, SelectJobs(jobs, request));
  ASSERT_EQ(second.jobs_size(), 2);
  EXPECT_EQ(second.jobs(0).name(), "jobs/3-xray");
  request.set_page_token(second.next_page_token());
  ASSERT_OK_AND_ASSIGN(const v1::ListJobsResponse third, SelectJobs(jobs, request));
  ASSERT_EQ(third.jobs_size(), 1);
  EXPECT_EQ(third.jobs(0).name(), "jobs/5-new");
  EXPECT_EQ(third.next_page_token(), "");
}

TEST(JobQueryTest, APageOfLargeJobsFitsAMessage) {
  std::vector<v1::Job> jobs(10);
  for (size_t i = 0; i < jobs.size(); ++i) {
    jobs[i].set_name(absl::StrCat("jobs/", i));
    jobs[i].set_reason(std::string(1 << 20, 'x'));
  }
  v1::ListJobsRequest request;
  ASSERT_OK_AND_ASSIGN(const v1::ListJobsResponse first, SelectJobs(jobs, request));
  EXPECT_LT(first.ByteSizeLong(), 9 << 20);
  request.set_page_token(first.next_page_token());
  ASSERT_OK_AND_ASSIGN(const v1::ListJobsResponse rest, SelectJobs(jobs, request));
  EXPECT_EQ(first.jobs_size() + rest.jobs_size(), 10);
}

TEST(JobQueryTest, RefusesTheTokenOfAnotherQuery) {
  v1::ListJobsRequest request = Request("");
  request.set_page_size(1);
  ASSERT_OK_AND_ASSIGN(const v1::ListJobsResponse first, SelectJobs(Jobs(), request));
  request.set_page_token(first.next_page_token());
  request.set_filter("priority > 3");
  EXPECT_THAT(SelectJobs(Jobs(), request),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("another filter")));
  request.set_page_token("nonsense");
  EXPECT_THAT(SelectJobs(Jobs(), request),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("none of ours")));
}

}  // namespace
}  // namespace pretext
