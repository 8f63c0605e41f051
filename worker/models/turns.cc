#include "worker/models/turns.h"

#include <ATen/ops/flip.h>
#include <ATen/ops/rot90.h>

namespace pretext {
namespace {

int Quarters(Turn turn) {
  switch (turn) {
    case Turn::kQuarter:
      return 1;
    case Turn::kHalf:
      return 2;
    case Turn::kThreeQuarters:
      return 3;
    case Turn::kNone:
    case Turn::kFlip:
      return 0;
  }
  return 0;
}

}  // namespace

at::Tensor Turned(const at::Tensor& images, Turn turn) {
  if (turn == Turn::kNone) return images;
  const at::Tensor turned =
      turn == Turn::kFlip ? at::flip(images, {3}) : at::rot90(images, Quarters(turn), {2, 3});
  return turned.contiguous(images.suggest_memory_format());
}

at::Tensor TurnedBack(const at::Tensor& images, Turn turn) {
  if (turn == Turn::kNone || turn == Turn::kFlip) return Turned(images, turn);
  return at::rot90(images, -Quarters(turn), {2, 3});
}

}  // namespace pretext
