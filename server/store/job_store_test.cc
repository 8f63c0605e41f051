// What every journal promises, and what SQLite's does besides.

#include "server/store/job_store.h"

#include <stdlib.h>

#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/cpp/status_matchers.h"
#include "server/store/memory_job_store.h"
#include "server/store/sqlite_job_store.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string MakeFolder() {
  std::string folder = absl::StrCat(::testing::TempDir(), "/store.XXXXXX");
  return mkdtemp(folder.data());
}

v1::Event Deleted(const std::string& job) {
  v1::Event event;
  event.mutable_job_deleted()->set_job(job);
  return event;
}

std::vector<std::string> Read(JobStore& store, int64_t after) {
  std::vector<std::string> read;
  EXPECT_OK(store.Replay(after, [&](int64_t revision, const v1::Event& event) {
    read.push_back(absl::StrCat(revision, " ", event.job_deleted().job()));
  }));
  return read;
}

struct Kind {
  std::string name;
  std::function<std::unique_ptr<JobStore>()> make;
};

class JobStoreTest : public ::testing::TestWithParam<Kind> {
 protected:
  const std::unique_ptr<JobStore> store_ = GetParam().make();
};

TEST_P(JobStoreTest, GivesBackWhatWasAppendedInOrder) {
  ASSERT_OK_AND_ASSIGN(int64_t revision, store_->Append({Deleted("a"), Deleted("b")}, 0));
  EXPECT_EQ(revision, 2);
  ASSERT_OK_AND_ASSIGN(revision, store_->Append({Deleted("c")}, 2));
  EXPECT_EQ(revision, 3);
  EXPECT_THAT(Read(*store_, 0), ElementsAre("1 a", "2 b", "3 c"));
  EXPECT_THAT(Read(*store_, 2), ElementsAre("3 c"));
}

TEST_P(JobStoreTest, RefusesAnAppendThatExpectsAnotherRevision) {
  ASSERT_OK(store_->Append({Deleted("a")}, 0).status());
  EXPECT_THAT(store_->Append({Deleted("b")}, 0),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("revision 1, not 0")));
  EXPECT_THAT(store_->Append({Deleted("b")}, 2), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(Read(*store_, 0), ElementsAre("1 a"));
}

INSTANTIATE_TEST_SUITE_P(
    All, JobStoreTest,
    ::testing::Values(Kind{"Memory", [] { return std::make_unique<MemoryJobStore>(); }},
                      Kind{"Sqlite",
                           [] {
                             return std::move(SqliteJobStore::Open(MakeFolder() + "/journal.sqlite")).value();
                           }}),
    [](const auto& kind) { return kind.param.name; });

TEST(SqliteJobStoreTest, KeepsEventsOverReopening) {
  const std::string path = MakeFolder() + "/journal.sqlite";
  {
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<SqliteJobStore> store, SqliteJobStore::Open(path));
    ASSERT_OK(store->Append({Deleted("a")}, 0).status());
  }
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<SqliteJobStore> store, SqliteJobStore::Open(path));
  EXPECT_THAT(Read(*store, 0), ElementsAre("1 a"));
}

TEST(SqliteJobStoreTest, NamesTheRevisionThatCannotBeRead) {
  const std::string path = MakeFolder() + "/journal.sqlite";
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<SqliteJobStore> store, SqliteJobStore::Open(path));
  ASSERT_OK(store->Append({Deleted("a"), Deleted("b")}, 0).status());
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<SqliteDatabase> rival, SqliteDatabase::Open(path, "", 1));
  auto ignore = [](int64_t, const v1::Event&) {};
  ASSERT_OK(rival->Execute("UPDATE events SET record = x'ffff' WHERE revision = 2"));
  EXPECT_THAT(store->Replay(0, ignore), StatusIs(absl::StatusCode::kDataLoss,
                                                 ::testing::AllOf(HasSubstr(path), HasSubstr("revision 2"))));
  ASSERT_OK(rival->Execute("DELETE FROM events WHERE revision = 1"));
  EXPECT_THAT(store->Replay(0, ignore), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("revision 1")));
}

TEST(SqliteJobStoreTest, NamesTheFileThatIsDamaged) {
  const std::string path = MakeFolder() + "/journal.sqlite";
  std::ofstream(path) << std::string(4096, 'x');
  EXPECT_THAT(SqliteJobStore::Open(path),
              StatusIs(absl::StatusCode::kDataLoss,
                       ::testing::AllOf(HasSubstr("/journal.sqlite: "), HasSubstr("damaged"))));
}

TEST(SqliteJobStoreTest, RefusesAFileOfAnotherFormat) {
  const std::string path = MakeFolder() + "/journal.sqlite";
  ASSERT_OK(SqliteDatabase::Open(path, "CREATE TABLE other (x)", 99).status());
  EXPECT_THAT(SqliteJobStore::Open(path),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("format 99")));
}

}  // namespace
}  // namespace pretext
