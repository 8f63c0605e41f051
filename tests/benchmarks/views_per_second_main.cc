// Pretext's side of views_per_second.py: makes two MoCo v2 views of every picture of a folder on one thread
// and prints CPU-milliseconds per picture.
//
//   views_per_second FOLDER SIZE MODE ROUNDS
//
// MODE is one of
//   files    from encoded bytes in memory to normalised floats
//   pixels   from decoded pictures to normalised floats
//   bytes    from encoded bytes to uint8 views, as the data threads of a worker make them
//   limit    decoding, and copying two views: what no augmentation can go below
//
// Output: {"cpu_ms_per_picture": ..., "pictures": ..., "checksum": ...}

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "worker/augment/view_pipeline.h"
#include "worker/data/decode.h"
#include "worker/data/rng.h"

namespace pretext {
namespace {

constexpr int kViews = 2;

v1::AugmentSpec MocoSpec(int size) {
  v1::AugmentSpec spec;
  spec.set_crop_scale_min(0.2);
  spec.set_crop_scale_max(1.0);
  spec.set_flip_probability(0.5);
  spec.set_jitter_probability(0.8);
  spec.set_brightness(0.4);
  spec.set_contrast(0.4);
  spec.set_saturation(0.4);
  spec.set_hue(0.1);
  spec.set_gray_probability(0.2);
  spec.set_blur_probability(size > 64 ? 0.5 : 0.0);
  spec.set_blur_sigma_min(0.1);
  spec.set_blur_sigma_max(2.0);
  spec.set_solarize_probability(0.0);
  return spec;
}

// ImageNet's mean and standard deviation, as a table of the 256 values of each channel.
class Normalizer {
 public:
  Normalizer() {
    constexpr float kMean[3] = {0.485f, 0.456f, 0.406f}, kDeviation[3] = {0.229f, 0.224f, 0.225f};
    for (int c = 0; c < 3; ++c) {
      for (int i = 0; i < 256; ++i) table_[c][i] = (i / 255.0f - kMean[c]) / kDeviation[c];
    }
  }
  // HWC bytes to CHW floats.
  void Run(const std::vector<uint8_t>& view, float* out) const {
    const size_t pixels = view.size() / 3;
    for (size_t i = 0; i < pixels; ++i) {
      out[i] = table_[0][view[3 * i]];
      out[pixels + i] = table_[1][view[3 * i + 1]];
      out[2 * pixels + i] = table_[2][view[3 * i + 2]];
    }
  }

 private:
  float table_[3][256];
};

double CpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

Image Decode(const std::string& bytes) {
  absl::StatusOr<Image> image = DecodeImage(bytes, 3);
  if (!image.ok()) {
    std::fprintf(stderr, "views_per_second: %s\n", std::string(image.status().message()).c_str());
    std::exit(1);
  }
  return *std::move(image);
}

int Run(const std::string& folder, int size, const std::string& mode, int rounds) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> files;
  std::vector<Image> images;
  for (const std::string& path : paths) {
    absl::StatusOr<std::string> bytes = ReadFileBytes(path);
    if (!bytes.ok()) return 1;
    files.push_back(*std::move(bytes));
    images.push_back(Decode(files.back()));
  }
  if (files.empty()) return 1;

  const ViewPipeline pipeline(MocoSpec(size), size, 3);
  const Normalizer normalizer;
  std::vector<uint8_t> view(pipeline.bytes());
  std::vector<float> floats(kViews * pipeline.bytes());
  double checksum = 0.0, started = 0.0;
  for (int round = -1; round < rounds; ++round) {  // the first one warms caches up
    if (round == 0) started = CpuSeconds();
    for (size_t i = 0; i < files.size(); ++i) {
      const bool decode = mode != "pixels";
      Image decoded;
      if (decode) decoded = Decode(files[i]);
      const Image& image = decode ? decoded : images[i];
      for (uint32_t v = 0; v < kViews; ++v) {
        if (mode == "limit") {
          std::memcpy(floats.data(), image.pixels.data(), std::min(view.size(), image.pixels.size()));
          continue;
        }
        Rng rng({.seed = 1, .epoch = static_cast<uint32_t>(round + 1), .sample = i, .view = v});
        pipeline.Render(image, rng, absl::MakeSpan(view));
        checksum += view[view.size() / 2];
        if (mode != "bytes") normalizer.Run(view, floats.data() + v * view.size());
      }
      checksum += floats[floats.size() / 3];
    }
  }
  const double seconds = CpuSeconds() - started;
  std::printf("%s\n", nlohmann::json({{"cpu_ms_per_picture", 1e3 * seconds / (rounds * files.size())},
                                      {"pictures", files.size()},
                                      {"checksum", checksum}})
                          .dump()
                          .c_str());
  return 0;
}

}  // namespace
}  // namespace pretext

int main(int argc, char** argv) {
  const std::vector<std::string> modes = {"files", "pixels", "bytes", "limit"};
  if (argc != 5 || std::atoi(argv[2]) < 1 || std::atoi(argv[4]) < 1 ||
      std::find(modes.begin(), modes.end(), argv[3]) == modes.end()) {
    std::fprintf(stderr, "usage: views_per_second FOLDER SIZE files|pixels|bytes|limit ROUNDS\n");
    return 2;
  }
  return pretext::Run(argv[1], std::atoi(argv[2]), argv[3], std::atoi(argv[4]));
}
