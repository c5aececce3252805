// What is made of a sum before it is written.
#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace sloy {

// activation(sum · scale + bias + residual): scale and bias (O,), residual of y's shape, each null
// where it is not there.
struct Ending {
  const float* bias = nullptr;
  const float* scale = nullptr;
  const float* residual = nullptr;
  Activation activation = Activation::none;

  bool is_empty() const {
    return bias == nullptr && scale == nullptr && residual == nullptr &&
           activation == Activation::none;
  }
  // The same for the outputs from `columns` on and the elements of y from `elements` on.
  Ending from(std::int64_t columns, std::int64_t elements) const {
    return {bias == nullptr ? nullptr : bias + columns,
            scale == nullptr ? nullptr : scale + columns,
            residual == nullptr ? nullptr : residual + elements, activation};
  }
};

}  // namespace sloy
