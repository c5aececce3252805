#pragma once

#include "kernels/ending.h"
#include "kernels/simd/activate.h"

namespace sloy::SLOY_ISA {

// The part of an ending that is cheap to apply to registers: its numbers are between two bounds.
struct Bounds {
  float low, high;
};

inline Bounds bounds_of(Activation activation) {
  constexpr float infinity = __builtin_inff();
  const bool positive = activation == Activation::relu || activation == Activation::relu6;
  return {positive ? 0.0f : -infinity, activation == Activation::relu6 ? 6.0f : infinity};
}

inline bool is_bounded(Activation activation) {
  return activation != Activation::tanh && activation != Activation::sigmoid;
}

inline Float within(Float x, Bounds bounds) {
  return between(x, splat<Float>(bounds.low), splat<Float>(bounds.high));
}

// A line of y, (columns,), that holds the sums.
inline void finish_line(float* y, const Ending& e, std::int64_t columns) {
  const Bounds bounds = bounds_of(e.activation);
  const auto ended = [&](Float x, const float* scale, const float* bias, const float* residual) {
    if (scale != nullptr) x *= load<Float>(scale);
    if (bias != nullptr) x += load<Float>(bias);
    if (residual != nullptr) x += load<Float>(residual);
    return within(x, bounds);
  };
  const auto moved = [](const float* at, std::int64_t j) { return at == nullptr ? at : at + j; };
  std::int64_t j = 0;
  for (; j + lanes <= columns; j += lanes) {
    store<Float>(y + j, ended(load<Float>(y + j), moved(e.scale, j), moved(e.bias, j),
                              moved(e.residual, j)));
  }
  if (j < columns) {
    float rest[4][lanes] = {};
    const float* from[4] = {y, e.scale, e.bias, e.residual};
    for (int k = 0; k < 4; ++k) {
      for (std::int64_t i = j; i < columns && from[k] != nullptr; ++i) rest[k][i - j] = from[k][i];
    }
    const auto kept = [&](int k) -> const float* { return from[k] == nullptr ? nullptr : rest[k]; };
    store<Float>(rest[0], ended(load<Float>(rest[0]), kept(1), kept(2), kept(3)));
    for (std::int64_t i = j; i < columns; ++i) y[i] = rest[0][i - j];
  }
  if (!is_bounded(e.activation)) activate_row(y, e.activation, columns);
}

}  // namespace sloy::SLOY_ISA
