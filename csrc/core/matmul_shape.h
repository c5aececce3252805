#pragma once

#include <cstdint>
#include <string>

#include "core/kernel.h"

namespace sloy {

// y (M, N) = activation(op(a) · op(b) + bias); a (M, K) or (K, M), b (K, N) or (N, K), bias (N,).
struct MatmulShape {
  std::int64_t m, n, k;
  bool transpose_a, transpose_b, bias;
  std::string activation;
  DType factors, result;  // of a and b; of y
};

}  // namespace sloy
