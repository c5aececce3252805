// Matrix products in blocks that any thread may do. Compiled once per instruction set.
#pragma once

#include <cstdint>

#include "kernels/ending.h"

namespace sloy {

// The patches of an image that a convolution's windows read, a row for each pixel of y; x (N, H, W,
// C), columns (KH, KW, C).
struct Patches {
  std::int64_t h, w, c, kw, oh, ow;
  std::int64_t stride_h, stride_w, dilation_h, dilation_w, top, left;
};

// y (M, N) = op(a) · op(b); a (M, K) or, transposed, (K, M); b (K, N) or, transposed, (N, K). Their
// lines lie `…_line` floats apart.
struct ProductShape {
  std::int64_t m, n, k;
  bool transpose_a, transpose_b;
  std::int64_t a_line, b_line, y_line;
  bool few_rows = false;  // so that each block packs of b what it multiplies with
  bool gathers = false;   // a is an image, whose `patches`, perhaps transposed, are multiplied
  Patches patches{};
};

// Where blocks of y begin: cut into `rows` by `columns` blocks, nearly equal.
struct ProductBlocks {
  std::int64_t rows, columns;
  std::int64_t count() const { return rows * columns; }
};

struct ProductKernels {
  // At least `least` blocks, if there is work for so many. Results do not depend on their number.
  ProductBlocks (*blocks)(const ProductShape&, std::int64_t least);
  // Panels of columns of b, and the floats of all of them packed; 0 where b is read as it lies.
  std::int64_t (*panels)(const ProductShape&);
  std::int64_t (*packed_floats)(const ProductShape&);
  // Packs panels [begin, end) of op(b).
  void (*pack)(float* packed, const float* b, const ProductShape&, std::int64_t begin,
               std::int64_t end);
  // Floats of working memory that each thread needs.
  std::int64_t (*work_floats)(const ProductShape&);
  // Blocks [begin, end) of y = op(a) · op(b) and its ending; b packed if there are packed floats.
  void (*multiply)(float* y, const float* a, const float* b, const Ending&, float* work,
                   const ProductShape&, const ProductBlocks&, std::int64_t begin, std::int64_t end);
  // The depth is summed in steps. One of them for a block, to sums (steps, M, N); and rows [begin,
  // end) of y, the same numbers as `multiply` gives, from all of them.
  std::int64_t (*steps)(const ProductShape&);
  void (*multiply_step)(float* sums, const float* a, const float* b, float* work,
                        const ProductShape&, const ProductBlocks&, std::int64_t block,
                        std::int64_t step);
  void (*add_steps)(float* y, const float* sums, const Ending&, const ProductShape&,
                    std::int64_t begin, std::int64_t end);
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
