#include "worker/data/decode.h"

#include <turbojpeg.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/data/exif.h"
#include "worker/data/picture_size.h"

namespace pretext {
namespace {

absl::Status TooLarge(int64_t width, int64_t height) {
  return absl::DataLossError(absl::StrCat("claims ", width, " x ", height, " pixels, more than the ",
                                          kMaxPixels / 1'000'000, " million that are decoded"));
}

// One decompressor a thread: making one costs more than decoding a small picture.
tjhandle ThreadDecompressor() {
  struct Free {
    void operator()(void* handle) const { tjDestroy(handle); }
  };
  thread_local std::unique_ptr<void, Free> handle(tjInitDecompress());
  return handle.get();
}

// libjpeg-turbo gives CMYK as inverted ink, as Adobe writes it.
Image FromCmyk(const std::vector<uint8_t>& cmyk, int width, int height) {
  Image image{height, width, 3, std::vector<uint8_t>(size_t{3} * width * height)};
  for (size_t i = 0; i < size_t{1} * width * height; ++i) {
    for (int c = 0; c < 3; ++c) image.pixels[3 * i + c] = cmyk[4 * i + c] * cmyk[4 * i + 3] / 255;
  }
  return image;
}

Image ToGray(const Image& image) {
  Image gray{image.height, image.width, 1, std::vector<uint8_t>(size_t{1} * image.width * image.height)};
  for (size_t i = 0; i < gray.pixels.size(); ++i) {
    const uint8_t* p = &image.pixels[3 * i];
    gray.pixels[i] = (p[0] * 19595 + p[1] * 38470 + p[2] * 7471 + 0x8000) >> 16;  // 0.299, 0.587, 0.114
  }
  return gray;
}

absl::StatusOr<Image> DecodeJpeg(absl::string_view bytes, int channels) {
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  tjhandle handle = ThreadDecompressor();
  int width = 0, height = 0, subsampling = 0, colors = 0;
  if (tjDecompressHeader3(handle, data, bytes.size(), &width, &height, &subsampling, &colors) != 0) {
    return absl::DataLossError(absl::StrCat("JPEG: ", tjGetErrorStr2(handle)));
  }
  if (int64_t{width} * height > kMaxPixels) return TooLarge(width, height);
  const bool cmyk = colors == TJCS_CMYK || colors == TJCS_YCCK;
  const int format = cmyk ? TJPF_CMYK : channels == 1 ? TJPF_GRAY : TJPF_RGB;
  const int depth = tjPixelSize[format];
  Image image{height, width, depth, std::vector<uint8_t>(size_t{1} * width * height * depth)};
  if (tjDecompress2(handle, data, bytes.size(), image.pixels.data(), width, 0, height, format, 0) != 0) {
    // Warnings are told apart from errors, but a file that ends early is only warned about: half a picture
    // must not pass for a whole one.
    const std::string reason = tjGetErrorStr2(handle);
    if (tjGetErrorCode(handle) == TJERR_FATAL || absl::StrContains(reason, "remature end")) {
      return absl::DataLossError(absl::StrCat("JPEG: ", reason));
    }
  }
  if (cmyk) {
    image = FromCmyk(image.pixels, width, height);
    if (channels == 1) image = ToGray(image);
  }
  return Oriented(std::move(image), JpegOrientation(bytes));
}

// 16-bit values keep their high byte; alpha is laid on white.
cv::Mat ToEightBitsWithoutAlpha(cv::Mat decoded) {
  if (decoded.depth() == CV_16U) {
    decoded.convertTo(decoded, CV_8U, 1.0 / 257);
  } else if (decoded.depth() != CV_8U) {
    cv::normalize(decoded, decoded, 0, 255, cv::NORM_MINMAX, CV_8U);
  }
  if (decoded.channels() != 4) return decoded;
  cv::Mat flat(decoded.rows, decoded.cols, CV_8UC3);
  for (int y = 0; y < decoded.rows; ++y) {
    const auto* from = decoded.ptr<cv::Vec4b>(y);
    auto* to = flat.ptr<cv::Vec3b>(y);
    for (int x = 0; x < decoded.cols; ++x) {
      const int alpha = from[x][3];
      for (int c = 0; c < 3; ++c) to[x][c] = (from[x][c] * alpha + 255 * (255 - alpha) + 127) / 255;
    }
  }
  return flat;
}

// OpenCV unpacks before it tells the size, and its own limit is 2^30 pixels.
absl::Status CheckSize(absl::string_view bytes) {
  PRETEXT_ASSIGN_OR_RETURN(const PictureSize size, ReadPictureSize(bytes));
  return size.width * size.height > kMaxPixels ? TooLarge(size.width, size.height) : absl::OkStatus();
}

absl::StatusOr<Image> DecodeOther(absl::string_view bytes, int channels) {
  PRETEXT_RETURN_IF_ERROR(CheckSize(bytes));
  try {
    const cv::Mat raw(1, static_cast<int>(bytes.size()), CV_8U, const_cast<char*>(bytes.data()));
    cv::Mat decoded = cv::imdecode(raw, cv::IMREAD_UNCHANGED | cv::IMREAD_IGNORE_ORIENTATION);
    if (decoded.empty()) return absl::DataLossError("the picture is cut short or broken");
    decoded = ToEightBitsWithoutAlpha(decoded);
    cv::Mat wanted;
    if (decoded.channels() == channels && channels == 1) {
      wanted = decoded;
    } else if (channels == 1) {
      cv::cvtColor(decoded, wanted, cv::COLOR_BGR2GRAY);
    } else {
      cv::cvtColor(decoded, wanted, decoded.channels() == 1 ? cv::COLOR_GRAY2RGB : cv::COLOR_BGR2RGB);
    }
    if (!wanted.isContinuous()) wanted = wanted.clone();
    return Image{wanted.rows, wanted.cols, channels,
                 std::vector<uint8_t>(wanted.datastart, wanted.datastart + wanted.total() * channels)};
  } catch (const cv::Exception& error) {
    return absl::DataLossError(absl::StrCat("cannot be decoded: ", error.err));
  }
}

}  // namespace

absl::StatusOr<Image> DecodeImage(absl::string_view bytes, int channels) {
  if (bytes.empty()) return absl::DataLossError("the file is empty");
  if (bytes.size() >= 3 && bytes.substr(0, 3) == "\xff\xd8\xff") return DecodeJpeg(bytes, channels);
  return DecodeOther(bytes, channels);
}

bool IsGray(const Image& image, int tolerance) {
  if (image.channels == 1) return true;
  for (size_t i = 0; i < image.pixels.size(); i += 3) {
    const uint8_t* p = &image.pixels[i];
    if (std::max({p[0], p[1], p[2]}) - std::min({p[0], p[1], p[2]}) > tolerance) return false;
  }
  return true;
}

absl::StatusOr<std::string> ReadFileBytes(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    const std::string message = absl::StrCat(path, ": ", std::strerror(errno));
    if (errno == ENOENT) return absl::NotFoundError(message);
    if (errno == EACCES) return absl::PermissionDeniedError(message);
    return absl::UnavailableError(message);
  }
  file.seekg(0, std::ios::end);
  const std::streamoff size = file.tellg();
  std::string bytes(std::max<std::streamoff>(size, 0), '\0');
  file.seekg(0);
  file.read(bytes.data(), size);
  if (!file) return absl::UnavailableError(absl::StrCat(path, ": cannot be read"));
  return bytes;
}

}  // namespace pretext
