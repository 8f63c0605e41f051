#include "worker/data/decode.h"

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/cpp/status_matchers.h"
#include "worker/data/exif.h"
#include "worker/data/picture_size.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Encode(const cv::Mat& picture, const std::string& suffix) {
  std::vector<uint8_t> bytes;
  cv::imencode(suffix, picture, bytes, {cv::IMWRITE_JPEG_QUALITY, 98});
  return std::string(bytes.begin(), bytes.end());
}

// BGR, as OpenCV encodes.
cv::Mat Red(int height, int width) { return cv::Mat(height, width, CV_8UC3, cv::Scalar(0, 0, 255)); }

TEST(DecodeTest, GivesRgbFromJpegAndPng) {
  for (const char* suffix : {".jpg", ".png", ".bmp"}) {
    ASSERT_OK_AND_ASSIGN(const Image image, DecodeImage(Encode(Red(6, 9), suffix), 3));
    EXPECT_EQ(image.height, 6);
    EXPECT_EQ(image.width, 9);
    EXPECT_GE(image.pixels[0], 250) << suffix;
    EXPECT_LE(image.pixels[1], 5) << suffix;
    EXPECT_LE(image.pixels[2], 5) << suffix;
  }
}

TEST(DecodeTest, GrayIsTheLuminance) {
  for (const char* suffix : {".jpg", ".png"}) {
    ASSERT_OK_AND_ASSIGN(const Image image, DecodeImage(Encode(Red(4, 4), suffix), 1));
    EXPECT_EQ(image.channels, 1);
    EXPECT_NEAR(image.pixels[5], 76, 2) << suffix;  // 0.299 * 255
  }
}

TEST(DecodeTest, SixteenBitsKeepTheirHighByte) {
  ASSERT_OK_AND_ASSIGN(const Image image,
                       DecodeImage(Encode(cv::Mat(2, 2, CV_16UC1, cv::Scalar(0x80 * 257)), ".png"), 1));
  EXPECT_EQ(image.pixels[0], 0x80);
}

TEST(DecodeTest, TransparencyShowsWhite) {
  cv::Mat picture(1, 2, CV_8UC4);
  picture.at<cv::Vec4b>(0, 0) = {0, 0, 255, 255};
  picture.at<cv::Vec4b>(0, 1) = {0, 0, 255, 0};
  ASSERT_OK_AND_ASSIGN(const Image image, DecodeImage(Encode(picture, ".png"), 3));
  EXPECT_THAT(image.pixels, ElementsAre(255, 0, 0, 255, 255, 255));
}

TEST(DecodeTest, RefusesWhatIsCutShortOrNoPicture) {
  const std::string jpeg = Encode(Red(64, 64), ".jpg");
  EXPECT_THAT(DecodeImage(jpeg.substr(0, jpeg.size() / 2), 3), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(DecodeImage("some words", 3),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("not a picture")));
  EXPECT_THAT(DecodeImage("", 3), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("empty")));
}

TEST(DecodeTest, RefusesABombWithoutUnpackingIt) {
  std::string png = Encode(Red(4, 4), ".png");
  png.replace(16, 8, std::string("\0\1\0\0\0\1\0\0", 8));  // 65536 x 65536
  EXPECT_THAT(DecodeImage(png, 3), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("65536 x 65536 pixels")));
}

// A TIFF that claims `width` x `height` grey pixels in one strip of deflated data.
std::string TiffOfSize(uint32_t width, uint32_t height, bool big_endian) {
  std::string bytes = big_endian ? "MM" : "II";
  const auto number = [&](uint32_t value, int size) {
    for (int i = 0; i < size; ++i) {
      bytes.push_back(static_cast<char>(value >> 8 * (big_endian ? size - 1 - i : i)));
    }
  };
  const auto entry = [&](uint32_t tag, uint32_t value) {
    number(tag, 2);
    number(4, 2);
    number(1, 4);
    number(value, 4);
  };
  number(42, 2);
  number(8, 4);
  number(9, 2);
  entry(256, width);
  entry(257, height);
  entry(258, 8);       // bits of a sample
  entry(259, 8);       // deflate
  entry(262, 1);       // black is zero
  entry(273, 126);     // where the strip is
  entry(277, 1);       // samples of a pixel
  entry(278, height);  // rows of a strip
  entry(279, 8);       // bytes of the strip
  number(0, 4);
  return bytes + std::string("\x78\x9c\x63\0\0\0\1\0", 8);
}

std::string BmpOfSize(int32_t width, int32_t height) {
  std::string bytes = Encode(Red(4, 4), ".bmp");
  for (int i = 0; i < 4; ++i) {
    bytes[18 + i] = static_cast<char>(width >> 8 * i);
    bytes[22 + i] = static_cast<char>(height >> 8 * i);
  }
  return bytes;
}

TEST(DecodeTest, RefusesBombsOfEveryFormatByTheirHeader) {
  for (const std::string& bomb :
       {TiffOfSize(32768, 32768, false), TiffOfSize(32768, 32768, true), BmpOfSize(32768, 32768),
        BmpOfSize(32768, -32768), std::string("P4 # a comment\n32768\n 32768\nabc"),
        // A canvas of 24 bits a side, as WebP's extended header has it.
        std::string("RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x7f\0\xff\x7f\0", 30)}) {
    EXPECT_THAT(DecodeImage(bomb, 3),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("32768 x 32768 pixels")));
  }
}

TEST(DecodeTest, TheLargestWebpIsWithinTheLimit) {
  // 16383 x 16383, what 14 bits a side can say in a stream without the extended header.
  const std::string webp("RIFF\x12\0\0\0WEBPVP8L\x05\0\0\0\x2f\xfe\xbf\xff\x0f\0", 26);
  ASSERT_OK_AND_ASSIGN(const PictureSize size, ReadPictureSize(webp));
  EXPECT_EQ(size.width, 16383);
  EXPECT_EQ(size.height, 16383);
  EXPECT_LE(size.width * size.height, kMaxPixels);
  EXPECT_THAT(DecodeImage(webp, 3), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(PictureSizeTest, IsWhatTheEncoderWrote) {
  for (const char* suffix : {".png", ".tif", ".webp", ".bmp", ".ppm"}) {
    ASSERT_OK_AND_ASSIGN(const PictureSize size, ReadPictureSize(Encode(Red(6, 9), suffix)));
    EXPECT_EQ(size.width, 9) << suffix;
    EXPECT_EQ(size.height, 6) << suffix;
    EXPECT_OK(DecodeImage(Encode(Red(6, 9), suffix), 3).status()) << suffix;
  }
}

TEST(PictureSizeTest, OfBigTiffIsReadFromItsLongEntries) {
  std::string bytes("MM\0+\0\x08\0\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\2", 24);
  for (const char tag : {'\0', '\1'}) {
    bytes += std::string("\1", 1) + tag + std::string("\0\x10\0\0\0\0\0\0\0\1\0\0\0\0\0\1\0\0", 18);
  }
  ASSERT_OK_AND_ASSIGN(const PictureSize size, ReadPictureSize(bytes));
  EXPECT_EQ(size.width, 65536);
  EXPECT_EQ(size.height, 65536);
}

TEST(PictureSizeTest, NothingIsReadPastTheEnd) {
  for (const char* suffix : {".png", ".tif", ".webp", ".bmp", ".ppm"}) {
    const std::string bytes = Encode(Red(6, 9), suffix);
    for (size_t length = 0; length < bytes.size(); ++length) {
      const absl::StatusOr<PictureSize> size = ReadPictureSize(bytes.substr(0, length));
      if (!size.ok()) EXPECT_THAT(size.status(), StatusIs(absl::StatusCode::kDataLoss)) << suffix << length;
    }
    EXPECT_FALSE(ReadPictureSize(bytes.substr(0, 4)).ok()) << suffix;
  }
}

TEST(DecodeTest, TellsGrayFromColour) {
  EXPECT_TRUE(IsGray(Image{1, 2, 3, {10, 12, 9, 200, 200, 200}}));
  EXPECT_FALSE(IsGray(Image{1, 2, 3, {10, 10, 10, 200, 180, 200}}));
}

// A JPEG's first bytes with an EXIF segment that says `orientation`, in the byte order given.
std::string WithOrientation(int orientation, bool big_endian) {
  std::string tiff = big_endian ? std::string("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", 19)
                                : std::string("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", 18);
  tiff.push_back(static_cast<char>(orientation));
  tiff.append(7, '\0');
  std::string segment = std::string("Exif\0\0", 6) + tiff;
  std::string jpeg("\xff\xd8\xff\xe1", 4);
  jpeg.push_back('\0');
  jpeg.push_back(static_cast<char>(segment.size() + 2));
  return jpeg + segment;
}

TEST(ExifTest, ReadsTheOrientationInBothByteOrders) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    EXPECT_EQ(JpegOrientation(WithOrientation(orientation, true)), orientation);
    EXPECT_EQ(JpegOrientation(WithOrientation(orientation, false)), orientation);
  }
  EXPECT_EQ(JpegOrientation(WithOrientation(9, true)), 1);
  EXPECT_EQ(JpegOrientation("\xff\xd8\xff"), 1);
}

// The picture   1 2 3    as each orientation stores it, from the EXIF standard's table of what row 0 and
//               4 5 6    column 0 are.
TEST(ExifTest, TurnsEveryOrientationUpright) {
  const std::vector<uint8_t> upright = {1, 2, 3, 4, 5, 6};
  struct Case {
    int orientation, height, width;
    std::vector<uint8_t> stored;
  };
  for (const Case& c : std::vector<Case>{{1, 2, 3, {1, 2, 3, 4, 5, 6}},
                                         {2, 2, 3, {3, 2, 1, 6, 5, 4}},
                                         {3, 2, 3, {6, 5, 4, 3, 2, 1}},
                                         {4, 2, 3, {4, 5, 6, 1, 2, 3}},
                                         {5, 3, 2, {1, 4, 2, 5, 3, 6}},
                                         {6, 3, 2, {3, 6, 2, 5, 1, 4}},
                                         {7, 3, 2, {6, 3, 5, 2, 4, 1}},
                                         {8, 3, 2, {4, 1, 5, 2, 6, 3}}}) {
    const Image turned = Oriented(Image{c.height, c.width, 1, c.stored}, c.orientation);
    EXPECT_EQ(turned.height, 2) << c.orientation;
    EXPECT_EQ(turned.pixels, upright) << "orientation " << c.orientation;
  }
}

}  // namespace
}  // namespace pretext
