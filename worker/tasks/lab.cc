#include "worker/tasks/lab.h"

#include <algorithm>
#include <cmath>

namespace pretext {
namespace {

constexpr double kWhiteX = 0.95047;
constexpr double kWhiteZ = 1.08883;

double Decode(double c) { return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4); }

// Linear light of each 8-bit value.
const std::array<float, 256>& LinearLight() {
  static const auto& table = *new std::array<float, 256>([] {
    std::array<float, 256> light;
    for (int i = 0; i < 256; ++i) light[i] = static_cast<float>(Decode(i / 255.0));
    return light;
  }());
  return table;
}

float CubeRoot(float t) { return t > 0.008856f ? std::cbrt(t) : 7.787f * t + 16.0f / 116; }

// Lightness at each of kSteps + 1 equally spaced luminances.
constexpr int kSteps = 4096;
const std::array<float, kSteps + 1>& LightnessTable() {
  static const auto& table = *new std::array<float, kSteps + 1>([] {
    std::array<float, kSteps + 1> lightness;
    for (int i = 0; i <= kSteps; ++i) lightness[i] = 116 * CubeRoot(static_cast<float>(i) / kSteps) - 16;
    return lightness;
  }());
  return table;
}

double Cube(double f) {
  const double cube = f * f * f;
  return cube > 0.008856 ? cube : (f - 16.0 / 116) / 7.787;
}

float Encode(double linear) {
  const double c = linear <= 0.0031308 ? 12.92 * linear : 1.055 * std::pow(linear, 1 / 2.4) - 0.055;
  return static_cast<float>(std::clamp(c, 0.0, 1.0));
}

}  // namespace

Lab LabFromSrgb(uint8_t red, uint8_t green, uint8_t blue) {
  const auto& light = LinearLight();
  const float r = light[red], g = light[green], b = light[blue];
  const float x = CubeRoot((.412453f * r + .357580f * g + .180423f * b) / static_cast<float>(kWhiteX));
  const float y = CubeRoot(.212671f * r + .715160f * g + .072169f * b);
  const float z = CubeRoot((.019334f * r + .119193f * g + .950227f * b) / static_cast<float>(kWhiteZ));
  return {116 * y - 16, 500 * (x - y), 200 * (y - z)};
}

float LightnessFromSrgb(uint8_t red, uint8_t green, uint8_t blue) {
  const auto& light = LinearLight();
  const auto& lightness = LightnessTable();
  const float place = (.212671f * light[red] + .715160f * light[green] + .072169f * light[blue]) * kSteps;
  const int step = std::min(static_cast<int>(place), kSteps - 1);
  return lightness[step] + (place - step) * (lightness[step + 1] - lightness[step]);
}

double LightnessFromSrgb(const std::array<double, 3>& rgb) {
  const double y = .212671 * Decode(rgb[0]) + .715160 * Decode(rgb[1]) + .072169 * Decode(rgb[2]);
  return y > 0.008856 ? 116 * std::cbrt(y) - 16 : 116 * 7.787 * y;
}

// The inverse of the matrix above, to nine digits.
std::array<float, 3> SrgbFromLab(const Lab& lab) {
  const double fy = (lab.l + 16) / 116.0;
  const double x = kWhiteX * Cube(fy + lab.a / 500.0);
  const double y = Cube(fy);
  const double z = kWhiteZ * Cube(fy - lab.b / 200.0);
  return {Encode(3.240481343 * x - 1.537151516 * y - 0.498536326 * z),
          Encode(-0.969254950 * x + 1.875990001 * y + 0.041555927 * z),
          Encode(0.055646639 * x - 0.204041338 * y + 1.057311070 * z)};
}

}  // namespace pretext
