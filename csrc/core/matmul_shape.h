#pragma once

#include <cstdint>
#include <string>

#include "core/kernel.h"

namespace sloy {

// How many elements lie between the lines of a matrix, and between matrices.
struct Steps {
  std::int64_t line, matrix;
};

// y (M, N) = activation(op(a) · op(b) + bias); a (M, K) or (K, M), b (K, N) or (N, K), bias (N,);
// or `count` of each, bias (N,) or (count, N).
struct MatmulShape {
  std::int64_t m, n, k;
  bool transpose_a, transpose_b, bias;
  std::string activation;
  DType factors, result;  // of a and b; of y
  std::int64_t count;     // with 1, all is dense
  Steps a, b, y;
  std::int64_t bias_step;  // from the bias of a matrix to the next; 0: all have one

  std::int64_t multiply_adds() const { return count * m * n * k; }
};

}  // namespace sloy
