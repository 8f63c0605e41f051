#include "worker/models/safetensors.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

std::string Path(const std::string& name) { return ::testing::TempDir() + "/" + name + ".safetensors"; }

std::string Slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A file with this header and so many bytes of data, each its own position.
std::string WriteRaw(const std::string& name, const std::string& header, int data_bytes) {
  const uint64_t length = header.size();
  std::string bytes(reinterpret_cast<const char*>(&length), 8);
  bytes += header;
  for (int i = 0; i < data_bytes; ++i) bytes += static_cast<char>(i);
  std::ofstream(Path(name), std::ios::binary) << bytes;
  return Path(name);
}

TEST(SafetensorsTest, ReadsBackWhatItWroteForEveryType) {
  std::map<std::string, at::Tensor> tensors;
  for (const at::ScalarType type :
       {at::kBool, at::kByte, at::kChar, at::kShort, at::kUInt16, at::kHalf, at::kBFloat16, at::kInt,
        at::kUInt32, at::kFloat, at::kComplexFloat, at::kDouble, at::kLong, at::kUInt64, at::kFloat8_e5m2,
        at::kFloat8_e4m3fn}) {
    tensors[c10::toString(type)] = at::arange(6).view({2, 3}).to(type);
  }
  tensors["scalar"] = at::scalar_tensor(7, at::kLong);
  tensors["empty"] = at::zeros({0, 4});
  ASSERT_OK(WriteSafetensors(Path("types"), tensors, {{"task", "moco \"v2\"\n"}}));
  ASSERT_OK_AND_ASSIGN(const SafetensorsFile file, ReadSafetensors(Path("types")));
  ASSERT_EQ(file.tensors.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor& read = file.tensors.at(name);
    EXPECT_EQ(read.scalar_type(), tensor.scalar_type()) << name;
    EXPECT_EQ(read.sizes(), tensor.sizes()) << name;
    EXPECT_EQ(0, std::memcmp(read.const_data_ptr(), tensor.const_data_ptr(), tensor.nbytes())) << name;
  }
  EXPECT_EQ(file.metadata.at("task"), "moco \"v2\"\n");
  EXPECT_EQ(file.metadata.at("format"), "pt");
}

// The bytes the reference writer makes: largest elements first, then by name; header padded to 8 with blanks.
TEST(SafetensorsTest, LaysTheFileOutAsTheReferenceWriterDoes) {
  ASSERT_OK(WriteSafetensors(Path("layout"),
                             {{"a", at::tensor({1, 2, 3}, at::kByte)},
                              {"c", at::tensor({1.5f})},
                              {"b", at::zeros({2})},
                              {"n", at::scalar_tensor(9, at::kLong)}},
                             {}));
  const std::string bytes = Slurp(Path("layout"));
  uint64_t length;
  std::memcpy(&length, bytes.data(), 8);
  EXPECT_EQ(length % 8, 0);
  const std::string header = bytes.substr(8, length);
  EXPECT_EQ(header.substr(0, header.find_last_not_of(' ') + 1),
            R"({"__metadata__":{"format":"pt"},)"
            R"("n":{"dtype":"I64","shape":[],"data_offsets":[0,8]},)"
            R"("b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},)"
            R"("c":{"dtype":"F32","shape":[1],"data_offsets":[16,20]},)"
            R"("a":{"dtype":"U8","shape":[3],"data_offsets":[20,23]}})");
  EXPECT_EQ(bytes.size(), 8 + length + 23);
}

TEST(SafetensorsTest, WritesStridedTensorsRowByRow) {
  const at::Tensor weights = at::randn({4, 3, 2, 2}).contiguous(at::MemoryFormat::ChannelsLast);
  ASSERT_OK(WriteSafetensors(Path("strided"),
                             {{"w", weights}, {"t", weights.view({4, 3, 4}).transpose(0, 1)}}, {}));
  ASSERT_OK_AND_ASSIGN(const SafetensorsFile file, ReadSafetensors(Path("strided")));
  EXPECT_TRUE(at::equal(file.tensors.at("w"), weights));
  EXPECT_TRUE(file.tensors.at("w").is_contiguous());
  EXPECT_TRUE(at::equal(file.tensors.at("t"), weights.view({4, 3, 4}).transpose(0, 1)));
}

TEST(SafetensorsTest, EqualTensorsGiveEqualBytesAndTheDigestIsTheFiles) {
  const std::map<std::string, at::Tensor> tensors = {{"x", at::arange(100)},
                                                     {"y", at::arange(7).to(at::kHalf)}};
  Sha256 digest;
  ASSERT_OK(WriteSafetensors(Path("one"), tensors, {{"k", "v"}}, &digest));
  ASSERT_OK(WriteSafetensors(Path("two"), tensors, {{"k", "v"}}));
  EXPECT_EQ(Slurp(Path("one")), Slurp(Path("two")));
  EXPECT_EQ(digest.HexDigest(), Sha256Hex(Slurp(Path("one"))));
}

TEST(SafetensorsTest, TensorsOutliveTheFileAndWritesStayInMemory) {
  ASSERT_OK(WriteSafetensors(Path("alive"), {{"x", at::arange(1000)}}, {}));
  at::Tensor tensor = ReadSafetensors(Path("alive")).value().tensors.at("x");
  tensor.mul_(2);
  EXPECT_TRUE(at::equal(tensor, at::arange(0, 2000, 2)));
  EXPECT_TRUE(at::equal(ReadSafetensors(Path("alive")).value().tensors.at("x"), at::arange(1000)));
}

TEST(SafetensorsTest, ReadsLegalFilesThatMisalignTheirTensors) {
  const std::string path = WriteRaw(
      "misaligned",
      R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"I16","shape":[2],"data_offsets":[1,5]}})",
      5);
  ASSERT_OK_AND_ASSIGN(const SafetensorsFile file, ReadSafetensors(path));
  EXPECT_TRUE(at::equal(file.tensors.at("b"), at::tensor({0x0201, 0x0403}, at::kShort)));
}

struct BadFile {
  const char* name;
  const char* header;
  int data_bytes;
  const char* message;
};

class MalformedSafetensorsTest : public ::testing::TestWithParam<BadFile> {};

TEST_P(MalformedSafetensorsTest, IsRefusedWithTheReason) {
  const BadFile& bad = GetParam();
  EXPECT_THAT(ReadSafetensors(WriteRaw(bad.name, bad.header, bad.data_bytes)),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr(bad.message)));
}

INSTANTIATE_TEST_SUITE_P(
    All, MalformedSafetensorsTest,
    ::testing::Values(
        BadFile{"NotJson", "{\"a\":", 0, "not JSON"},
        BadFile{"LeadingSpace", " {}", 0, "does not begin with '{'"},
        BadFile{"EmptyHeader", "", 0, "does not begin with '{'"},
        BadFile{"Trailing", "{}", 1, "1 bytes after the last tensor"},
        BadFile{"Hole", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", 2,
                "leaving a hole after 0"},
        BadFile{
            "Overlap",
            R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
            3, "overlapping"},
        BadFile{"CutShort", R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", 3, "cut short"},
        BadFile{"WrongSize", R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4, "needs 8 bytes"},
        BadFile{"TooLarge", R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})",
                0, "too large"},
        BadFile{"Negative", R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", 1, "whole number"},
        BadFile{"Fraction", R"({"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}})", 1, "whole number"},
        BadFile{"Backwards", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", 1, "[begin, end]"},
        BadFile{"UnknownType", R"({"a":{"dtype":"U9","shape":[1],"data_offsets":[0,1]}})", 1,
                "unknown dtype"},
        BadFile{"MissingKey", R"({"a":{"dtype":"U8","shape":[1]}})", 1, "must hold dtype"},
        BadFile{
            "Twice",
            R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
            1, "given twice"},
        BadFile{"MetadataNumber", R"({"__metadata__":{"epoch":3}})", 0, "epoch is not a string"}),
    [](const ::testing::TestParamInfo<BadFile>& info) { return std::string(info.param.name); });

TEST(SafetensorsTest, RefusesFilesThatAreSomethingElse) {
  EXPECT_THAT(ReadSafetensors(Path("missing")), StatusIs(absl::StatusCode::kNotFound, HasSubstr("missing")));
  std::ofstream(Path("short")) << "abc";
  EXPECT_THAT(ReadSafetensors(Path("short")), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("too few")));
  std::ofstream(Path("text")) << "PK some zip archive with a pickle inside";
  EXPECT_THAT(ReadSafetensors(Path("text")),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("Is it a safetensors file?")));
  EXPECT_THAT(ReadSafetensors(::testing::TempDir()), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(SafetensorsTest, RefusesAPipeInsteadOfWaitingForIt) {
  const std::string path = ::testing::TempDir() + "/pipe.safetensors";
  unlink(path.c_str());
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(ReadSafetensors(path),
              StatusIs(absl::StatusCode::kDataLoss, ::testing::HasSubstr("not a regular file")));
}

// Half a file, as a crash or a full disk leaves it, is never taken for a whole one.
TEST(SafetensorsTest, RefusesEveryTruncation) {
  ASSERT_OK(WriteSafetensors(Path("whole"), {{"x", at::arange(10)}, {"y", at::zeros({3})}}, {{"k", "v"}}));
  const std::string bytes = Slurp(Path("whole"));
  for (size_t length = 0; length < bytes.size(); ++length) {
    std::ofstream(Path("part"), std::ios::binary) << bytes.substr(0, length);
    EXPECT_THAT(ReadSafetensors(Path("part")), StatusIs(absl::StatusCode::kDataLoss)) << length;
  }
}

// Any one byte of the header changed: an error or a file, never a crash or a tensor outside the file.
TEST(SafetensorsTest, SurvivesEveryChangedHeaderByte) {
  ASSERT_OK(WriteSafetensors(Path("whole"), {{"x", at::arange(10)}, {"y", at::zeros({3, 1})}}, {}));
  const std::string bytes = Slurp(Path("whole"));
  const size_t header_end = bytes.size() - 92;  // ten int64, three float
  int accepted = 0;
  for (size_t position = 0; position < header_end; ++position) {
    for (const char change : {'\0', '"', '9', '{', ']', '\xff'}) {
      std::string changed = bytes;
      changed[position] = change;
      std::ofstream(Path("changed"), std::ios::binary) << changed;
      const absl::StatusOr<SafetensorsFile> file = ReadSafetensors(Path("changed"));
      if (!file.ok()) continue;
      ++accepted;
      for (const auto& [name, tensor] : file->tensors) EXPECT_LE(tensor.nbytes(), 92) << name;
    }
  }
  EXPECT_GT(accepted, 0);  // a changed name is still a name
}

TEST(SafetensorsTest, SaysWhichTypeLibTorchLacks) {
  EXPECT_THAT(ReadSafetensors(WriteRaw("f4", R"({"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}})", 1)),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("F4")));
}

TEST(SafetensorsTest, RefusesTensorsItCannotWrite) {
  EXPECT_THAT(WriteSafetensors(Path("bad"), {{"gone", at::Tensor()}}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("gone")));
  EXPECT_THAT(WriteSafetensors(Path("bad"), {{"x", at::zeros({2}, at::kComplexDouble)}}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("x")));
  EXPECT_THAT(WriteSafetensors(Path("bad"), {{"__metadata__", at::zeros({2})}}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(WriteSafetensors(Path("bad"), {{"\xff", at::zeros({2})}}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("UTF-8")));
  EXPECT_THAT(WriteSafetensors(::testing::TempDir() + "/no/such/folder", {}, {}),
              StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace pretext
