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
  const auto ended = [&](Float x, std::int64_t j, const auto& read) {
    if (e.scale != nullptr) x *= read(e.scale + j);
    if (e.bias != nullptr) x += read(e.bias + j);
    if (e.residual != nullptr) x += read(e.residual + j);
    return within(x, bounds);
  };
  const auto whole = [](const float* at) { return load<Float>(at); };
  std::int64_t j = 0;
  for (; j + lanes <= columns; j += lanes) store<Float>(y + j, ended(whole(y + j), j, whole));
  if (const std::int64_t rest = columns - j; rest > 0) {
    const auto part = [rest](const float* at) { return load_part(at, rest); };
    store_part(y + j, ended(part(y + j), j, part), rest);
  }
  if (!is_bounded(e.activation)) activate_row(y, e.activation, columns);
}

}  // namespace sloy::SLOY_ISA
