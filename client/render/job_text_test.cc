#include "client/render/job_text.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pretext {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

v1::Job FailedOnce() {
  v1::Job job;
  job.set_name("jobs/7-xray");
  job.set_state(v1::Job::RUNNING);
  job.set_attempt(2);
  job.set_restarts(1);
  job.set_output("/out");
  job.mutable_create_time()->set_seconds(1'700'000'000 - 720);
  job.mutable_start_time()->set_seconds(1'700'000'000 - 700);
  job.mutable_spec()->set_max_restarts(3);
  job.mutable_spec()->set_priority(5);
  v1::Stage* pretrain = job.mutable_spec()->add_stages();
  pretrain->set_name("pretrain");
  pretrain->mutable_pretrain()->add_tasks()->mutable_moco();
  v1::Stage* probe = job.mutable_spec()->add_stages();
  probe->set_name("probe");
  probe->mutable_evaluate()->mutable_knn();
  job.mutable_progress()->set_stage("pretrain");
  job.mutable_progress()->set_step(30);
  job.mutable_progress()->set_steps(120);
  (*job.mutable_progress()->mutable_metrics())["pretrain/loss"] = 7.5;
  v1::RankPlacement* rank = job.add_placements();
  rank->set_node("nodes/local");
  v1::Failure* failure = job.mutable_failure();
  failure->set_attempt(1);
  failure->set_cause(v1::Failure::PROCESS);
  failure->set_node("nodes/local");
  failure->set_signal(9);
  failure->set_message("rank 0 was killed by signal 9");
  return job;
}

TEST(JobTextTest, ShowsAJobInSections) {
  EXPECT_EQ(JobSections(FailedOnce(), {}, kNow), R"(jobs/7-xray  RUNNING
  created 12 min ago, started 11 min ago
  attempt 2, 1 of 3 restarts used
  results in /out

Stages
  #  STAGE     WHAT              STATE
  1  pretrain  pretrain on moco  running
  2  probe     evaluate by knn   to come

Progress
  [1/2] pretrain  25 %  step 30/120  loss 7.5

Newest metrics
  METRIC         NEWEST
  pretrain/loss     7.5

Ranks
  RANK  NODE         DEVICE
     0  nodes/local  cpu slot 0

Failure of attempt 1
  PROCESS: rank 0 was killed by signal 9
  first to fail: rank 0 on nodes/local, signal 9
)");
}

TEST(JobTextTest, ShowsAlarmsWithWhatToDo) {
  v1::Job job = FailedOnce();
  v1::Alarm* alarm = job.add_alarms();
  alarm->set_kind(v1::Alarm::NOT_LEARNING);
  alarm->set_stage("pretrain");
  alarm->set_task("jigsaw");
  alarm->set_step(1200);
  alarm->set_text("jigsaw_loss has been 3.1781");
  alarm->set_advice("Try other learning rates");
  job.add_alarms()->set_kind(static_cast<v1::Alarm::Kind>(17));
  EXPECT_THAT(JobSections(job, {}, kNow), ::testing::HasSubstr(R"(
Warnings
  NOT LEARNING of jigsaw in pretrain at step 1,200: jigsaw_loss has been 3.1781
    what to do: Try other learning rates
  ALARM 17 in  at step 0: 

Progress
)"));
}

TEST(JobTextTest, ListsJobs) {
  v1::Job queued;
  queued.set_name("jobs/8");
  queued.set_state(v1::Job::QUEUED);
  queued.set_reason("needs 2 GPUs,\n0 are free");
  EXPECT_EQ(JobsTable({FailedOnce(), queued}, kNow, 0),
            "JOB          STATE    PROGRESS          AGE  PRIORITY  REASON\n"
            "jobs/7-xray  RUNNING  pretrain 25 %  12 min         5\n"
            "jobs/8       QUEUED   -                   -         0  needs 2 GPUs, 0 are free\n");
}

TEST(JobTextTest, ListsCheckpoints) {
  v1::Checkpoint checkpoint;
  checkpoint.set_stage("pretrain");
  checkpoint.set_step(1200);
  checkpoint.set_epoch(2);
  checkpoint.set_attempt(1);
  checkpoint.set_bytes(46851072);
  checkpoint.set_path("/out/checkpoints/pretrain-0000001200");
  EXPECT_EQ(CheckpointsTable({checkpoint}, kNow, 0),
            "STAGE      STEP  EPOCH  ATTEMPT      SIZE  AGE  FOLDER\n"
            "pretrain  1,200      2        1  44.7 MiB    -  /out/checkpoints/pretrain-0000001200\n");
}

TEST(JobTextTest, ListsNodes) {
  v1::Node node;
  node.set_name("nodes/local");
  node.set_state(v1::Node::DRAINING);
  node.mutable_capacity()->set_cpu_slots(2);
  node.mutable_capacity()->set_cores(2);
  node.mutable_capacity()->set_memory_bytes(int64_t{8} << 30);
  node.mutable_capacity()->set_host("127.0.0.1");
  node.set_cpu_slots_used(1);
  node.add_jobs("jobs/7-xray");
  node.mutable_last_seen_time()->set_seconds(1'700'000'000 - 2);
  EXPECT_EQ(NodesTable({node}, kNow, 0),
            "NODE         STATE     CPU SLOTS  GPUS  CORES   MEMORY     SEEN  HOST       JOBS\n"
            "nodes/local  DRAINING        1/2   0/0      2  8.0 GiB  2 s ago  127.0.0.1  jobs/7-xray\n");
}

TEST(JobSectionsTest, ShowsWhatFinishedStagesHaveComeTo) {
  v1::Job job;
  job.set_state(v1::Job::SUCCEEDED);
  job.mutable_spec()->add_stages()->set_name("pretrain");
  job.mutable_spec()->add_stages()->set_name("tune");
  const std::string text = JobSections(job, {{0, "loss 2.5 (chance 4.25)"}, {1, "accuracy 84.2 %"}}, kNow);
  EXPECT_THAT(text, ::testing::HasSubstr("\nResults\n"
                                         "  STAGE     RESULT\n"
                                         "  pretrain  loss 2.5 (chance 4.25)\n"
                                         "  tune      accuracy 84.2 %\n"));
}

}  // namespace
}  // namespace pretext
