#include "worker/tasks/registry.h"

#include <fstream>
#include <sstream>

#include "nlohmann/json.hpp"
#include "proto/cpp/status_matchers.h"
#include "worker/tasks/toy_stage.h"

namespace pretext {
namespace {

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(RegistryTest, NamesEveryTaskOfTheProtoAndNoOther) {
  const auto* oneof = v1::TaskSpec::descriptor()->FindOneofByName("task");
  ASSERT_EQ(oneof->field_count(), Tasks().size());
  for (int i = 0; i < oneof->field_count(); ++i) {
    EXPECT_EQ(oneof->field(i)->name(), Tasks()[i].name);
    EXPECT_EQ(oneof->field(i)->number(), Tasks()[i].kind);
  }
}

TEST(RegistryTest, FindsATaskByItsSpec) {
  for (const TaskEntry& entry : Tasks()) {
    ASSERT_OK_AND_ASSIGN(const TaskEntry* found, FindTask(SpecOf(entry.name, 16)));
    EXPECT_EQ(found->name, entry.name);
  }
  EXPECT_THAT(FindTask(v1::TaskSpec()), StatusIs(absl::StatusCode::kInvalidArgument,
                                                 ::testing::HasSubstr("moco, rotation, colorization")));
}

TEST(RegistryTest, EveryTaskHasAPageThatSaysWhatPeopleNeed) {
  for (const TaskEntry& entry : Tasks()) {
    const std::string page = Contents(absl::StrCat("docs/tasks/", entry.name, ".md"));
    for (const char* section : {"## What it asks", "## When to use it", "## What it needs", "## Options",
                                "## Reading the loss", "## Paper"}) {
      EXPECT_THAT(page, ::testing::HasSubstr(section)) << entry.name;
    }
    const auto* task = v1::TaskSpec::descriptor()->FindFieldByNumber(entry.kind)->message_type();
    for (int i = 0; i < task->field_count(); ++i) {
      EXPECT_THAT(page, ::testing::HasSubstr(absl::StrCat("`", task->field(i)->name(), "`"))) << entry.name;
    }
    EXPECT_THAT(Contents("docs/tasks/README.md"),
                ::testing::HasSubstr(absl::StrCat("[", entry.name, "](", entry.name, ".md)")));
  }
}

TEST(RegistryTest, TellsProgramsAboutEveryTask) {
  const auto tasks = nlohmann::json::parse(TasksAsJson());
  ASSERT_EQ(tasks.size(), Tasks().size());
  EXPECT_EQ(tasks[0]["name"], "moco");
  EXPECT_EQ(tasks[0]["summary"], std::string(Tasks()[0].summary));
  EXPECT_EQ(tasks[0]["needs"], std::string(Tasks()[0].needs));
  EXPECT_EQ(tasks[0]["options"][0], nlohmann::json({{"name", "version"}, {"type", "V1 | V2"}}));
  EXPECT_EQ(tasks[0]["options"][1], nlohmann::json({{"name", "queue_length"}, {"type", "int32"}}));
}

}  // namespace
}  // namespace pretext
