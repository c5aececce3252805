// The activations that kernels apply to their results.
#pragma once

#include "kernels/activation.h"
#include "kernels/simd/math.h"

namespace sloy::SLOY_ISA {

inline Float activate(Float x, Activation activation) {
  switch (activation) {
    case Activation::relu:
      return x < 0.0f ? Float{} : x;  // NaN stays
    case Activation::tanh:
      return hyperbolic_tangent(x);
    case Activation::sigmoid:
      return logistic(x);
    default:
      return x;
  }
}

}  // namespace sloy::SLOY_ISA
