// The activations that kernels apply to their results.
#pragma once

#include "kernels/activation.h"
#include "kernels/simd/math.h"

namespace sloy::SLOY_ISA {

inline Float activate(Float x, Activation activation) {
  switch (activation) {
    case Activation::relu:
      return x < 0.0f ? Float{} : x;  // NaN stays
    case Activation::relu6:
      return at_most(at_least(x, 0.0f), 6.0f);
    case Activation::tanh:
      return hyperbolic_tangent(x);
    case Activation::sigmoid:
      return logistic(x);
    default:
      return x;
  }
}

template <Activation activation>
inline void activate_all(float* y, std::int64_t n) {
  std::int64_t j = 0;
  for (; j + lanes <= n; j += lanes) store<Float>(y + j, activate(load<Float>(y + j), activation));
  if (j < n) store_part(y + j, activate(load_part(y + j, n - j), activation), n - j);
}

// y (n,) in place.
inline void activate_row(float* y, Activation activation, std::int64_t n) {
  switch (activation) {
    case Activation::relu:
      return activate_all<Activation::relu>(y, n);
    case Activation::relu6:
      return activate_all<Activation::relu6>(y, n);
    case Activation::tanh:
      return activate_all<Activation::tanh>(y, n);
    case Activation::sigmoid:
      return activate_all<Activation::sigmoid>(y, n);
    default:
      return;
  }
}

}  // namespace sloy::SLOY_ISA
