#ifndef PRETEXT_WORKER_AUGMENT_SIMD_H_
#define PRETEXT_WORKER_AUGMENT_SIMD_H_

namespace pretext {

// Which twin of a pixel loop runs. Both give the same picture: bit for bit in the integer loops, to 1/64 of
// a grey level in the floating-point ones.
enum class Simd { kScalar, kAvx2 };

// The best that this processor has. Asked once.
inline Simd BestSimd() {
  static const Simd best =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? Simd::kAvx2 : Simd::kScalar;
  return best;
}

// For functions with AVX2 intrinsics in a build for any x86-64.
#define PRETEXT_AVX2 __attribute__((target("avx2,fma")))

}  // namespace pretext

#endif  // PRETEXT_WORKER_AUGMENT_SIMD_H_
