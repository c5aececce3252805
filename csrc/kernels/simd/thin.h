// Matrix products of so few rows that neither packing nor a second thread pays, and the update of a
// matrix by a product of two vectors. Compiled once per instruction set.
#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace sloy {

struct ThinKernels {
  // y (M, N) = activation(a (M, K) · b + bias (N,) or null); b (K, N) or, transposed, (N, K).
  void (*multiply)(float* y, const float* a, const float* b, const float* bias, Activation,
                   bool transpose_b, std::int64_t m, std::int64_t n, std::int64_t k);
  // w (M, N) = from (M, N) - rate · (x (M,) ⊗ d (N,)), rows [begin, end).
  void (*subtract_outer)(float* w, const float* from, const float* x, const float* d, float rate,
                         std::int64_t n, std::int64_t begin, std::int64_t end);
};

namespace baseline {
ThinKernels thin_kernels();
}
namespace avx2 {
ThinKernels thin_kernels();
}
namespace avx512 {
ThinKernels thin_kernels();
}

}  // namespace sloy
