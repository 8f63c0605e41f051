#include "worker/data/rng.h"

#include <cmath>
#include <numeric>
#include <utility>

namespace pretext {
namespace {

constexpr uint32_t kMultiplier0 = 0xD2511F53;
constexpr uint32_t kMultiplier1 = 0xCD9E8D57;
constexpr uint32_t kWeyl0 = 0x9E3779B9;
constexpr uint32_t kWeyl1 = 0xBB67AE85;
constexpr int kRounds = 10;

// SplitMix64's finaliser: spreads neighbouring seeds over the whole key space.
uint64_t Mix(uint64_t value) {
  value += 0x9E3779B97F4A7C15u;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
  return value ^ (value >> 31);
}

}  // namespace

void Philox4x32(const uint32_t key[2], const uint32_t counter[4], uint32_t block[4]) {
  uint32_t k0 = key[0], k1 = key[1];
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t p0 = uint64_t{kMultiplier0} * c0;
    const uint64_t p1 = uint64_t{kMultiplier1} * c2;
    c0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<uint32_t>(p1);
    c2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<uint32_t>(p0);
    k0 += kWeyl0;
    k1 += kWeyl1;
  }
  block[0] = c0;
  block[1] = c1;
  block[2] = c2;
  block[3] = c3;
}

// Seed and stage choose the key; sample, epoch and view three words of the counter. The fourth counts the
// stream's own blocks.
Rng::Rng(const RngKey& key) {
  const uint64_t mixed = Mix(key.seed ^ Mix(uint64_t{key.stage} << 32 | key.view));
  key_[0] = static_cast<uint32_t>(mixed);
  key_[1] = static_cast<uint32_t>(mixed >> 32);
  counter_[0] = 0;
  counter_[1] = static_cast<uint32_t>(key.sample);
  counter_[2] = static_cast<uint32_t>(key.sample >> 32);
  counter_[3] = key.epoch;
}

void Rng::Refill() {
  Philox4x32(key_, counter_, block_);
  ++counter_[0];
  used_ = 0;
}

uint32_t Rng::NextUint32() {
  if (used_ == 4) Refill();
  return block_[used_++];
}

uint64_t Rng::NextUint64() {
  const uint64_t high = NextUint32();
  return high << 32 | NextUint32();
}

float Rng::Uniform() { return static_cast<float>(NextUint32() >> 8) * 0x1p-24f; }

double Rng::Uniform(double low, double high) {
  return low + (high - low) * (static_cast<double>(NextUint64() >> 11) * 0x1p-53);
}

// Lemire's multiplication method, with rejection, so that no value is likelier than another.
uint64_t Rng::Below(uint64_t count) {
  const uint64_t threshold = (0 - count) % count;
  while (true) {
    const unsigned __int128 product = static_cast<unsigned __int128>(NextUint64()) * count;
    if (static_cast<uint64_t>(product) >= threshold) return static_cast<uint64_t>(product >> 64);
  }
}

bool Rng::Chance(double probability) { return Uniform(0.0, 1.0) < probability; }

double Rng::Normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - Uniform(0.0, 1.0)));
  return radius * std::cos(2.0 * M_PI * Uniform(0.0, 1.0));
}

std::vector<int64_t> Rng::Permutation(int64_t count) {
  std::vector<int64_t> order(count);
  std::iota(order.begin(), order.end(), int64_t{0});
  for (int64_t i = count - 1; i > 0; --i) std::swap(order[i], order[Below(i + 1)]);
  return order;
}

}  // namespace pretext
