#include "worker/data/open_dataset.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/cpp/status_macros.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<OpenedDataset> Open(const v1::DataSpec& spec) {
  PRETEXT_ASSIGN_OR_RETURN(const OpenedPictures opened, OpenPictures(spec));
  return LabelPictures(opened, spec);
}

class OpenDatasetTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(::testing::TempDir()) / ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  void Write(const std::string& path, const std::string& bytes) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path, std::ios::binary) << bytes;
  }
  void WritePicture(const std::string& path, const cv::Scalar& bgr) {
    fs::create_directories((root_ / path).parent_path());
    cv::imwrite((root_ / path).string(), cv::Mat(8, 10, CV_8UC3, bgr));
  }
  // An IDX file of bytes, gzip'd when the name ends so.
  void WriteIdx(const std::string& path, const std::vector<int>& shape, const std::string& values) {
    std::string bytes("\0\0\x08", 3);
    bytes.push_back(static_cast<char>(shape.size()));
    for (int size : shape) bytes += std::string("\0\0\0", 3) + static_cast<char>(size);
    bytes += values;
    if (path.size() > 3 && path.substr(path.size() - 3) == ".gz") {
      gzFile file = gzopen((root_ / path).c_str(), "wb");
      gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
      gzclose(file);
    } else {
      Write(path, bytes);
    }
  }
  v1::DataSpec Spec(const std::string& images, const std::string& labels = "") {
    v1::DataSpec spec;
    spec.set_images((root_ / images).string());
    if (labels == "folders") spec.set_labels(labels);
    if (!labels.empty() && labels != "folders") spec.set_labels((root_ / labels).string());
    return spec;
  }
  fs::path root_;
};

TEST_F(OpenDatasetTest, AFolderIsReadNestedSortedAndWithoutHiddenFiles) {
  WritePicture("b/2.png", {0, 0, 255});
  WritePicture("a/deep/1.PNG", {0, 0, 255});
  WritePicture("top.jpg", {0, 0, 255});
  WritePicture(".hidden/3.png", {0, 0, 255});
  Write("notes.txt", "hello");
  ASSERT_OK_AND_ASSIGN(const OpenedDataset opened, Open(Spec("")));
  ASSERT_EQ(opened.dataset->size(), 3);
  EXPECT_EQ(opened.dataset->name(0), "a/deep/1.PNG");
  EXPECT_EQ(opened.dataset->name(1), "b/2.png");
  EXPECT_EQ(opened.dataset->name(2), "top.jpg");
  EXPECT_EQ(opened.facts.channels, 3);
  EXPECT_EQ(opened.facts.median_width, 10);
  EXPECT_THAT(opened.facts.ignored, ElementsAre(HasSubstr("notes.txt")));
  ASSERT_OK_AND_ASSIGN(const Image image, opened.dataset->Load(0));
  EXPECT_EQ(image.pixels[0], 255);
}

TEST_F(OpenDatasetTest, GreyPicturesAreGivenInOneChannel) {
  WritePicture("1.png", {90, 90, 90});
  ASSERT_OK_AND_ASSIGN(const OpenedDataset opened, Open(Spec("")));
  EXPECT_EQ(opened.facts.channels, 1);
  EXPECT_EQ(opened.dataset->channels(), 1);
  v1::DataSpec wanted = Spec("");
  wanted.set_channels(3);
  ASSERT_OK_AND_ASSIGN(const OpenedDataset color, Open(wanted));
  ASSERT_OK_AND_ASSIGN(const Image image, color.dataset->Load(0));
  EXPECT_EQ(image.channels, 3);
}

TEST_F(OpenDatasetTest, PicturesWithoutPixelsAreRefused) {
  WriteIdx("flat", {32, 0, 28}, "");
  EXPECT_THAT(Open(Spec("flat", "")).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("32 x 0 x 28")));
}

TEST_F(OpenDatasetTest, SubFoldersAreClassesWhenAsked) {
  WritePicture("dog/1.png", {1, 2, 3});
  WritePicture("cat/1.png", {1, 2, 3});
  WritePicture("cat/2.png", {1, 2, 3});
  ASSERT_OK_AND_ASSIGN(const OpenedDataset opened, Open(Spec("", "folders")));
  EXPECT_THAT(opened.dataset->class_names(), ElementsAre("cat", "dog"));
  EXPECT_THAT(opened.facts.per_class, ElementsAre(2, 1));
  EXPECT_EQ(opened.dataset->label(2), 1);
}

TEST_F(OpenDatasetTest, ATableGivesLabelsAndMinusOneMeansNone) {
  WritePicture("p/1.png", {1, 2, 3});
  WritePicture("p/2,3.png", {1, 2, 3});
  WritePicture("p/4.png", {1, 2, 3});
  Write("labels.csv", "label,path,age\r\nsick,1.png,40\r\n-1,4.png,\r\nwell,\"2,3.png\",50\r\n");
  ASSERT_OK_AND_ASSIGN(const OpenedDataset opened, Open(Spec("p", "labels.csv")));
  EXPECT_THAT(opened.dataset->class_names(), ElementsAre("sick", "well"));
  EXPECT_EQ(opened.dataset->label(0), 0);
  EXPECT_EQ(opened.dataset->label(1), 1);
  EXPECT_EQ(opened.dataset->label(2), -1);
  EXPECT_EQ(opened.facts.labelled, 2);
  EXPECT_EQ(opened.facts.label_digest.size(), 64u);
}

TEST_F(OpenDatasetTest, FaultsOfATableAreNamedWithTheirLine) {
  WritePicture("p/1.png", {1, 2, 3});
  Write("width.csv", "path,label\n1.png,a\n2.png\n");
  EXPECT_THAT(Open(Spec("p", "width.csv")).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("width.csv:3")));
  Write("column.csv", "file,label\n1.png,a\n");
  EXPECT_THAT(Open(Spec("p", "column.csv")).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'path'")));
  Write("unknown.csv", "path,label\nelsewhere.png,a\n");
  EXPECT_THAT(Open(Spec("p", "unknown.csv")).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'elsewhere.png'")));
}

TEST_F(OpenDatasetTest, IdxFilesAreReadPlainAndCompressed) {
  WriteIdx("images.gz", {3, 2, 2}, "abcdefghijkl");
  WriteIdx("labels", {3}, std::string("\x0a\x02\x0a", 3));
  ASSERT_OK_AND_ASSIGN(const OpenedDataset opened, Open(Spec("images.gz", "labels")));
  ASSERT_EQ(opened.dataset->size(), 3);
  EXPECT_EQ(opened.facts.channels, 1);
  EXPECT_THAT(opened.dataset->class_names(), ElementsAre("2", "10"));
  EXPECT_EQ(opened.dataset->label(0), 1);
  ASSERT_OK_AND_ASSIGN(const Image image, opened.dataset->Load(1));
  EXPECT_THAT(image.pixels, ElementsAre('e', 'f', 'g', 'h'));
}

TEST_F(OpenDatasetTest, AnIdxFileOfTheWrongLengthIsRefused) {
  WriteIdx("short", {3, 2, 2}, "abc");
  EXPECT_THAT(Open(Spec("short")).status(),
              StatusIs(absl::StatusCode::kDataLoss, AllOf(HasSubstr("12 bytes"), HasSubstr("has 3"))));
  WriteIdx("images", {3, 2, 2}, "abcdefghijkl");
  WriteIdx("labels", {2}, "ab");
  EXPECT_THAT(Open(Spec("images", "labels")).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("2 labels for 3 pictures")));
}

TEST_F(OpenDatasetTest, ALabelDrawKeepsSoManyOfEachClassAndDependsOnItsNumberAlone) {
  std::string pixels(40, 'x'), labels;
  for (int i = 0; i < 40; ++i) labels.push_back(static_cast<char>(i % 4));
  WriteIdx("images", {40, 1, 1}, pixels);
  WriteIdx("labels", {40}, labels);
  const auto draw = [&](uint64_t number) {
    v1::DataSpec spec = Spec("images", "labels");
    spec.set_labels_per_class(3);
    spec.set_label_draw(number);
    return Open(spec)->facts;
  };
  EXPECT_EQ(draw(0).labelled, 12);
  EXPECT_THAT(draw(0).per_class, ElementsAre(3, 3, 3, 3));
  EXPECT_EQ(draw(1).label_digest, draw(1).label_digest);
  EXPECT_NE(draw(0).label_digest, draw(1).label_digest);
  v1::DataSpec greedy = Spec("images", "labels");
  greedy.set_labels_per_class(11);
  EXPECT_THAT(Open(greedy).status(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("has only 10")));
}

TEST_F(OpenDatasetTest, LinkedFoldersAreListedUnderBothNamesAndCirclesAreNot) {
  WritePicture("a/1.png", {1, 2, 3});
  fs::create_directory_symlink(root_ / "a", root_ / "b");
  fs::create_directory_symlink(root_, root_ / "a" / "above");
  ASSERT_OK_AND_ASSIGN(const OpenedDataset opened, Open(Spec("")));
  ASSERT_EQ(opened.dataset->size(), 2);
  EXPECT_EQ(opened.dataset->name(0), "a/1.png");
  EXPECT_EQ(opened.dataset->name(1), "b/1.png");
}

// Written as jobs do: each value with where it came from.
constexpr char kJobOfPretext[] =
    "name: xray                                      # given\n"
    "data:\n"
    "  images: /data/xray                            # given\n"
    "stages:\n"
    "- name: pretrain                                # default\n";

TEST_F(OpenDatasetTest, OutputFoldersOfJobsAreLeftOutSoThatAResumeFindsTheSamePictures) {
  WritePicture("a/1.png", {1, 2, 3});
  WritePicture("runs/first/plots/pretrain.png", {1, 2, 3});
  Write("runs/first/job.yaml", kJobOfPretext);
  WritePicture("runs/2.png", {1, 2, 3});
  ASSERT_OK_AND_ASSIGN(const OpenedDataset opened, Open(Spec("")));
  ASSERT_EQ(opened.dataset->size(), 2);
  EXPECT_EQ(opened.dataset->name(0), "a/1.png");
  EXPECT_EQ(opened.dataset->name(1), "runs/2.png");
  EXPECT_THAT(opened.facts.ignored, ElementsAre("runs/first: Pretext wrote it"));
}

TEST_F(OpenDatasetTest, AJobThatWritesIntoItsDataFolderReadsAllButItsPlots) {
  WritePicture("a/1.png", {1, 2, 3});
  WritePicture("plots/pretrain.png", {1, 2, 3});
  Write("job.yaml", kJobOfPretext);
  ASSERT_OK_AND_ASSIGN(const OpenedDataset opened, Open(Spec("")));
  EXPECT_EQ(opened.dataset->size(), 1);
  EXPECT_THAT(opened.facts.ignored, ElementsAre("job.yaml: not a picture by its name", HasSubstr("plots: ")));
}

TEST_F(OpenDatasetTest, AFolderWithAJobFileOfPeopleIsRead) {
  WritePicture("a/1.png", {1, 2, 3});
  Write("a/job.yaml", "data: {images: .}\nstages:\n- pretrain: {}\n");
  ASSERT_OK_AND_ASSIGN(const OpenedDataset opened, Open(Spec("")));
  EXPECT_EQ(opened.dataset->size(), 1);
}

TEST_F(OpenDatasetTest, ClassesThatAreNotUtf8AreRefusedBeforeAnythingIsTrained) {
  WritePicture("p/caf\xE9/1.png", {1, 2, 3});
  EXPECT_THAT(Open(Spec("p", "folders")).status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("the folder 'caf\\xE9'"), HasSubstr("rename it"))));
  Write("labels.csv", "path,label\ncaf\xE9/1.png,na\xEFve\n");
  EXPECT_THAT(Open(Spec("p", "labels.csv")).status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("labels.csv:2: the label 'na\\xEFve' is not UTF-8"),
                             HasSubstr("save the file as UTF-8"))));
}

TEST_F(OpenDatasetTest, PathsThatAreNotUtf8AreReadAndEscapedInMessages) {
  WritePicture("p/caf\xE9/1.png", {1, 2, 3});
  Write("p/caf\xE9/2.png", "no picture");
  Write("p/caf\xE9.txt", "notes");
  Write("labels.csv", "path,label\ncaf\xE9/1.png,a\n");
  ASSERT_OK_AND_ASSIGN(const OpenedDataset opened, Open(Spec("p", "labels.csv")));
  EXPECT_EQ(opened.dataset->label(0), 0);
  EXPECT_OK(opened.dataset->Load(0).status());
  EXPECT_THAT(opened.dataset->Load(1).status(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("caf\\xE9/2.png: ")));
  EXPECT_THAT(opened.facts.ignored, ElementsAre("caf\\xE9.txt: not a picture by its name"));
  Write("unknown.csv", "path,label\n\xE9.png,a\n");
  EXPECT_THAT(Open(Spec("p", "unknown.csv")).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'\\xE9.png'")));
}

TEST_F(OpenDatasetTest, PipesAndDevicesAreRefusedInsteadOfWaitedFor) {
  WritePicture("p/1.png", {1, 2, 3});
  ASSERT_EQ(mkfifo((root_ / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(Open(Spec("pipe")).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("pipe: is a pipe")));
  EXPECT_THAT(Open(Spec("p", "pipe")).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("pipe: is a pipe")));
  v1::DataSpec device = Spec("p");
  device.set_labels("/dev/zero");
  EXPECT_THAT(Open(device).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("/dev/zero: is a device")));
  EXPECT_THAT(Open(Spec("p", "p")).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("p: is a folder")));
  EXPECT_THAT(Open(Spec("p", "nowhere.csv")).status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("nowhere.csv: no such file")));
}

// What RLIMIT_DATA counts of this process: a sanitizer's own memory, too.
rlim_t DataBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    rlim_t kibibytes = 0;
    if (word == "VmData:" && status >> kibibytes) return kibibytes << 10;
  }
  ADD_FAILURE() << "/proc/self/status has no VmData";
  return 0;
}

TEST_F(OpenDatasetTest, AForgedIdxHeaderCostsNoMemory) {
  const std::string forged("\0\0\x08\x03\0\1\0\0\0\0\1\0\0\0\1\0abc", 19);  // 65536 x 256 x 256: 4 GiB
  Write("forged", forged);
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_DATA, &before), 0);
  const rlimit small = {DataBytes() + (rlim_t{1} << 30), before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_DATA, &small), 0);
  const absl::Status status = Open(Spec("forged")).status();
  ASSERT_EQ(setrlimit(RLIMIT_DATA, &before), 0);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss,
                               AllOf(HasSubstr("promises 4294967296 bytes"), HasSubstr("has 3"))));
}

TEST_F(OpenDatasetTest, IdxFilesLargerThanTheFirstReadAreReadWhole) {
  std::string values(40 << 20, 'a');
  values.back() = 'z';
  values[16 << 20] = 'b';
  std::string bytes("\0\0\x08\x03\0\0\0\x28\0\0\4\0\0\0\4\0", 16);  // 40 x 1024 x 1024
  Write("large", bytes + values);
  ASSERT_OK_AND_ASSIGN(const OpenedDataset opened, Open(Spec("large")));
  ASSERT_OK_AND_ASSIGN(const Image middle, opened.dataset->Load(16));
  EXPECT_EQ(middle.pixels[0], 'b');
  ASSERT_OK_AND_ASSIGN(const Image last, opened.dataset->Load(39));
  EXPECT_EQ(last.pixels.back(), 'z');
}

TEST_F(OpenDatasetTest, AMissingPathIsNamed) {
  EXPECT_THAT(Open(Spec("nowhere")).status(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("nowhere")));
  Write("words.txt", "hello");
  EXPECT_THAT(Open(Spec("words.txt")).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("neither a folder")));
}

}  // namespace
}  // namespace pretext
