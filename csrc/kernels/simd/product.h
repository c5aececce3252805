// Matrix products that pack their operands, for where oneDNN's are slow (onednn/matmul.cpp says
// where). Compiled once per instruction set.
#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace sloy {

// y (M, N) = op(a) · op(b); a (M, K) or, transposed, (K, M); b (K, N) or, transposed, (N, K).
struct ProductShape {
  std::int64_t m, n, k;
  bool transpose_a, transpose_b;
};

struct ProductKernels {
  // Floats of working memory that each thread needs.
  std::int64_t (*work_floats)(const ProductShape&);
  // Rows [begin, end) of y = op(a) · op(b) + bias, activated; bias (N,) or null.
  void (*multiply)(float* y, const float* a, const float* b, const float* bias, Activation,
                   float* work, const ProductShape&, std::int64_t begin, std::int64_t end);
};

namespace baseline {
ProductKernels product_kernels();
}
namespace avx2 {
ProductKernels product_kernels();
}
namespace avx512 {
ProductKernels product_kernels();
}

}  // namespace sloy
