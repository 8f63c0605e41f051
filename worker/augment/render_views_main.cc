// Renders views with given parameters, for comparisons with other libraries (tests/parity).
//
//   render_views < REQUESTS > VIEWS
//
// Each line of standard input is a JSON object:
//   image       path of a file of raw pixels, height * width * channels bytes, HWC
//   height, width, channels (1 or 3)
//   size        side of the view
//   crop        [top, left, height, width]; default: the whole picture
//   order       names of the jitter's operations in their order ("brightness", "contrast", "saturation",
//               "hue"); those left out are not done. Default: no jitter
//   brightness, contrast, saturation   factors, default 1;   hue   turns, default 0
//   gray, solarize, flip   true or false, default false
//   blur_sigma  pixels, default 0: no blur
//   center      true: the centre view of evaluation; all of the above but image and size are passed over
//   scalar      true: without SIMD
// An unknown key is an error. Standard output gets the views one after the other, each size * size * channels
// bytes. Exits with 1 and says why on the first request that makes no sense.

#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "worker/augment/render_view.h"

namespace pretext {
namespace {

using Json = nlohmann::json;

constexpr const char* kOperations[] = {"brightness", "contrast", "saturation", "hue"};

Image ReadRawImage(const Json& request) {
  Image image;
  image.height = request.at("height");
  image.width = request.at("width");
  image.channels = request.at("channels");
  const std::string path = request.at("image");
  std::ifstream file(path, std::ios::binary);
  image.pixels.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  if (image.height < 1 || image.width < 1 || (image.channels != 1 && image.channels != 3) ||
      image.pixels.size() != static_cast<size_t>(image.height) * image.width * image.channels) {
    throw std::invalid_argument(path + " does not hold height * width * channels bytes");
  }
  return image;
}

void ReadJitter(const Json& request, ViewParameters* view) {
  if (!request.contains("order")) return;
  view->jitter = true;
  size_t next = 0;
  for (const std::string name : request["order"]) {
    const auto found = std::find(std::begin(kOperations), std::end(kOperations), name);
    if (found == std::end(kOperations) || next == view->order.size()) {
      throw std::invalid_argument("order: '" + name + "' is unknown or one too many");
    }
    view->order[next++] = static_cast<ColorOperation>(found - std::begin(kOperations));
    if (name == "brightness") view->brightness = request.value("brightness", 1.0);
    if (name == "contrast") view->contrast = request.value("contrast", 1.0);
    if (name == "saturation") view->saturation = request.value("saturation", 1.0);
    if (name == "hue") view->hue = request.value("hue", 0.0);
  }
  // The places left over get operations that change nothing: those that are not named.
  for (int i = 0; i < 4; ++i) {
    const auto operation = static_cast<ColorOperation>(i);
    if (std::find(view->order.begin(), view->order.begin() + next, operation) == view->order.begin() + next) {
      view->order[next++] = operation;
    }
  }
}

ViewParameters ReadView(const Json& request, const Image& image) {
  ViewParameters view;
  const std::vector<int> crop = request.value("crop", std::vector<int>{0, 0, image.height, image.width});
  if (crop.size() != 4) throw std::invalid_argument("crop: wants [top, left, height, width]");
  view.crop = {crop[0], crop[1], crop[2], crop[3]};
  if (view.crop.top < 0 || view.crop.left < 0 || view.crop.height < 1 || view.crop.width < 1 ||
      view.crop.top + view.crop.height > image.height || view.crop.left + view.crop.width > image.width) {
    throw std::invalid_argument("crop: does not lie in the picture");
  }
  ReadJitter(request, &view);
  view.gray = request.value("gray", false);
  view.blur_sigma = request.value("blur_sigma", 0.0);
  view.solarize = request.value("solarize", false);
  view.flip = request.value("flip", false);
  return view;
}

void CheckKeys(const Json& request) {
  static const std::vector<std::string> known = {
      "image",      "height", "width", "channels", "size", "crop",       "order",  "brightness", "contrast",
      "saturation", "hue",    "gray",  "solarize", "flip", "blur_sigma", "center", "scalar"};
  for (const auto& [key, unused] : request.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      throw std::invalid_argument("unknown key '" + key + "'");
    }
  }
}

std::vector<uint8_t> Render(const Json& request) {
  CheckKeys(request);
  const Image image = ReadRawImage(request);
  const int size = request.at("size");
  if (size < 1) throw std::invalid_argument("size: must be positive");
  const Simd simd = request.value("scalar", false) ? Simd::kScalar : BestSimd();
  std::vector<uint8_t> out(static_cast<size_t>(size) * size * image.channels);
  if (request.value("center", false)) {
    RenderCenterView(image, size, absl::MakeSpan(out), simd);
  } else {
    RenderView(image, ReadView(request, image), size, absl::MakeSpan(out), simd);
  }
  return out;
}

int RenderAll() {
  std::string line;
  for (int number = 1; std::getline(std::cin, line); ++number) {
    try {
      const std::vector<uint8_t> view = Render(Json::parse(line));
      std::fwrite(view.data(), 1, view.size(), stdout);
    } catch (const std::exception& error) {
      std::cerr << "render_views: line " << number << ": " << error.what() << "\n";
      return 1;
    }
  }
  return 0;
}

}  // namespace
}  // namespace pretext

int main() { return pretext::RenderAll(); }
