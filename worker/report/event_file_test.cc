#include "worker/report/event_file.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/cpp/status_matchers.h"
#include "worker/report/crc32c.h"
#include "worker/report/tensorboard_event.pb.h"

namespace pretext {
namespace {

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string Folder(const std::string& name) {
  const std::string folder = testing::TempDir() + "/" + name;
  std::filesystem::create_directories(folder);
  return folder;
}

uint64_t LittleEndian(absl::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

// The events of a file, read by the lengths alone; framing is checked against FrameRecord.
std::vector<tensorboard::Event> Events(const std::string& bytes) {
  std::vector<tensorboard::Event> events;
  for (size_t at = 0; at < bytes.size();) {
    const size_t length = LittleEndian(absl::string_view(bytes).substr(at, 8));
    const std::string payload = bytes.substr(at + 12, length);
    EXPECT_EQ(bytes.substr(at, length + 16), FrameRecord(payload));
    EXPECT_TRUE(events.emplace_back().ParseFromString(payload));
    at += length + 16;
  }
  return events;
}

TEST(Crc32cTest, MatchesTheStandardsExamples) {
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(Crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
  EXPECT_EQ(Crc32c(""), 0u);
}

TEST(EventFileTest, FramesARecordAsTensorFlowDoes) {
  // The first record of a file that TensorBoard's own writer made: the version at wall time 0.
  EXPECT_EQ(absl::BytesToHexString(FrameRecord("\x1a\x0d"
                                               "brain.Event:2")),
            "0f00000000000000"
            "6d532b09"
            "1a0d627261696e2e4576656e743a32"
            "fc985129");
}

TEST(EventFileTest, HoldsVersionStartAndScalars) {
  const std::string folder = Folder("scalars");
  const absl::Time now = absl::FromUnixMillis(1'700'000'000'500);
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<EventFile> file,
                       EventFile::Create(folder, now, /*forget_earlier=*/true));
  EXPECT_OK(file->AddScalars(now, 3, {{"pretrain/loss", 1.5}, {"pretrain/accuracy", 0.25}}));
  const std::vector<tensorboard::Event> events = Events(Read(file->path()));
  ASSERT_EQ(events.size(), 3);
  EXPECT_EQ(events[0].file_version(), "brain.Event:2");
  EXPECT_EQ(events[0].wall_time(), 1'700'000'000.5);
  EXPECT_EQ(events[1].session_log().status(), tensorboard::SessionLog::START);
  EXPECT_EQ(events[1].step(), 0);
  EXPECT_EQ(events[2].step(), 3);
  ASSERT_EQ(events[2].summary().value_size(), 2);
  EXPECT_EQ(events[2].summary().value(0).tag(), "pretrain/loss");
  EXPECT_EQ(events[2].summary().value(0).simple_value(), 1.5f);
  EXPECT_EQ(events[2].summary().value(1).tag(), "pretrain/accuracy");
}

TEST(EventFileTest, ForgetsNothingUnlessToldTo) {
  ASSERT_OK_AND_ASSIGN(
      std::unique_ptr<EventFile> file,
      EventFile::Create(Folder("first"), absl::FromUnixSeconds(1), /*forget_earlier=*/false));
  EXPECT_EQ(Events(Read(file->path())).size(), 1);
}

TEST(EventFileTest, ANewFileSortsAfterThoseThatAreThereEvenWhenTheClockWentBack) {
  const std::string folder = Folder("order");
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  std::vector<std::string> made;
  for (const absl::Time time : {now, now, now - absl::Hours(1)}) {
    ASSERT_OK_AND_ASSIGN(std::unique_ptr<EventFile> file, EventFile::Create(folder, time, false));
    made.push_back(file->path());
  }
  EXPECT_THAT(ListEventFiles(folder), testing::ElementsAreArray(made));
  EXPECT_THAT(made[0], testing::HasSubstr("/events.out.tfevents.1700000000."));
}

}  // namespace
}  // namespace pretext
