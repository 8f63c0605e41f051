#ifndef PRETEXT_WORKER_TASKS_LAB_H_
#define PRETEXT_WORKER_TASKS_LAB_H_

#include <array>
#include <cstdint>

namespace pretext {

// A colour in CIE Lab under D65: lightness 0 .. 100 and two opponent axes. Within sRGB a is in -86.2 .. 98.3
// and b in -107.9 .. 94.5.
struct Lab {
  float l = 0;
  float a = 0;
  float b = 0;
};

// From gamma-encoded sRGB of 8 bits a channel. Computed in float: 8-bit Lab would quantise a and b.
Lab LabFromSrgb(uint8_t red, uint8_t green, uint8_t blue);

// The lightness alone, within 0.001, many times faster: for every pixel, where a and b are needed for few.
float LightnessFromSrgb(uint8_t red, uint8_t green, uint8_t blue);

// That of gamma-encoded sRGB in 0 .. 1, exactly.
double LightnessFromSrgb(const std::array<double, 3>& rgb);

// Back to gamma-encoded sRGB in 0 .. 1; colours outside of sRGB are clamped.
std::array<float, 3> SrgbFromLab(const Lab& lab);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_LAB_H_
