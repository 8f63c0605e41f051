#include "worker/tasks/registry.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
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

// The fields within `message` that have no value, however deep: "augment.blur_probability".
std::vector<std::string> OpenFields(const google::protobuf::Message& message) {
  std::vector<std::string> open;
  const auto& reflection = *message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const auto* field = message.GetDescriptor()->field(i);
    if (field->message_type() != nullptr) {
      for (const std::string& name : OpenFields(reflection.GetMessage(message, field))) {
        open.push_back(absl::StrCat(field->name(), ".", name));
      }
    } else if (!reflection.HasField(message, field)) {  // for enumerations: is not the unspecified value
      open.push_back(field->name());
    }
  }
  return open;
}

// Options that have no value with the others as they are by default: "task.field".
const std::set<std::string>& OptionsOfOtherMethods() {
  static const auto& options =
      *new std::set<std::string>{"colorization.points", "colorization.window", "colorization.hue_weight"};
  return options;
}

// What is open is resolved and named, nothing else, and a resume finds nothing left to do.
TEST(RegistryTest, EveryTaskResolvesWhatItsSpecLeavesOpen) {
  const TaskSizes sizes{/*image_size=*/28, /*pictures=*/10000, /*micro_batch_size=*/256, /*steps=*/500};
  for (const TaskEntry& entry : Tasks()) {
    v1::TaskSpec spec = SpecOf(entry.name, /*image_size=*/0);
    const auto open = [&] {
      const auto* field = v1::TaskSpec::descriptor()->FindFieldByNumber(entry.kind);
      std::vector<std::string> fields = OpenFields(spec.GetReflection()->GetMessage(spec, field));
      fields.erase(std::remove_if(fields.begin(), fields.end(),
                                  [&](const std::string& open_field) {
                                    return OptionsOfOtherMethods().count(
                                               absl::StrCat(entry.name, ".", open_field)) > 0;
                                  }),
                   fields.end());
      return fields;
    };
    const std::vector<std::string> before = open();
    ASSERT_OK_AND_ASSIGN(const auto fields, entry.resolve(sizes, &spec));
    std::vector<std::string> resolved;
    for (const ResolvedField& field : fields) {
      resolved.push_back(field.path);
      EXPECT_THAT(field.origin, ::testing::StartsWith("from ")) << entry.name << "." << field.path;
    }
    EXPECT_THAT(resolved, ::testing::UnorderedElementsAreArray(before)) << entry.name;
    EXPECT_THAT(open(), ::testing::IsEmpty()) << entry.name;

    const std::string once = spec.SerializeAsString();
    ASSERT_OK_AND_ASSIGN(const auto again, entry.resolve(sizes, &spec));
    EXPECT_THAT(again, ::testing::IsEmpty()) << entry.name;
    EXPECT_EQ(spec.SerializeAsString(), once) << entry.name;
  }
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

TEST(RegistryTest, EveryTaskCanBeShownToPeople) {
  for (const TaskEntry& entry : Tasks()) {
    EXPECT_NE(entry.paint, nullptr) << entry.name;
    EXPECT_THAT(std::string(entry.look_for), ::testing::MatchesRegex("[A-Z].*\\.")) << entry.name;
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
