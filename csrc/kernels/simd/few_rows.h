// Matrix products of so few rows that neither packing nor a second thread pays, and the update of a
// matrix by a product of two vectors. Compiled once per instruction set.
#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace sloy {

struct FewRowsKernels {
  // y (M, N) = activation(a (M, K) · b + bias (N,) or null); b (K, N) or, transposed, (N, K).
  void (*multiply)(float* y, const float* a, const float* b, const float* bias, Activation,
                   bool transpose_b, std::int64_t m, std::int64_t n, std::int64_t k);
  // The same bits for M = 1 and b (K, N), skipping the rows of b where a is 0 if `finite` says that
  // b is; else they are read (0 · NaN is NaN), and b is known to be finite if all sums are.
  // `rows` (K,) is memory to work in.
  void (*multiply_sparse)(float* y, const float* a, const float* b, const float* bias, Activation,
                          bool* finite, std::int32_t* rows, std::int64_t n, std::int64_t k);
  // w (M, N) = from (M, N) - rate · (x (M,) ⊗ d (N,)); whether all that was written is finite.
  // `rows` (M,) is memory to work in.
  bool (*subtract_outer)(float* w, const float* from, const float* x, const float* d, float rate,
                         std::int32_t* rows, std::int64_t n, std::int64_t m);
};

namespace baseline {
FewRowsKernels few_rows_kernels();
}
namespace avx2 {
FewRowsKernels few_rows_kernels();
}
namespace avx512 {
FewRowsKernels few_rows_kernels();
}

}  // namespace sloy
