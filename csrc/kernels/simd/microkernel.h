// The inner loops of our own matrix products: a block of c stays in registers over the whole depth.
#pragma once

#include "kernels/simd/vector.h"

namespace sloy::SLOY_ISA {

using Index = std::int64_t;

// An operand whose element (i, k) lies at base + i * row + k * step.
struct Left {
  const float* base;
  Index row, step;
};

// A strip of right-hand columns: element (k, j) at base + k * step + j.
struct Right {
  const float* base;
  Index step;
};

// What a product does besides: nothing.
struct Plain {
  Float ended(Float sum, int, Index) const { return sum; }
  void fetch(Index, Index) const {}
};

// Fetches lines of memory, `step` floats apart, into the second-level cache.
struct Ahead : Plain {
  const float* base = nullptr;
  Index step = 0, lines = 0;

  // Part `index` of `parts`.
  void fetch(Index index, Index parts) const {
    if (lines == 0) return;
    for (Index i = lines * index / parts; i < lines * (index + 1) / parts; ++i) {
      __builtin_prefetch(base + i * step, 0, 2);
      if constexpr (lanes == 16) __builtin_prefetch(base + i * step + lanes, 0, 2);
    }
  }
};

// Ends whole sums while they are in registers: times scale, plus bias, plus what lies as far behind
// `residual`, where there is such, as the sum behind the first; held between two numbers.
struct Finish : Ahead {
  Float scale[2], bias[2], low, high;
  const float* residual;

  Float ended(Float sum, int vector, Index behind) const {
    sum = sum * scale[vector] + bias[vector];
    if (residual != nullptr) sum += load<Float>(residual + behind + vector * lanes);
    return between(sum, low, high);
  }
};

// c (rows, vectors · lanes), `stride` floats from row to row; add: c += a·b, else c = a·b.
// `behind`: floats from the strip's first sum to c. Inlined: of 32 terms, a call for each block
// took a seventh of the time.
template <int rows, int vectors, class Besides>
[[gnu::always_inline]] inline void multiply_block(float* c, Index stride, Left a, Right b,
                                                  Index depth, bool add, const Besides& besides,
                                                  Index behind) {
  Float sum[rows][vectors] = {};
  const float* column = a.base;
  const float* line = b.base;
  for (Index k = 0; k < depth; ++k, column += a.step, line += b.step) {
    Float right[vectors];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) right[v] = load<Float>(line + v * lanes);
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
      const Float left = splat<Float>(column[r * a.row]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) sum[r][v] += left * right[v];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      float* at = c + r * stride + v * lanes;
      const Float whole = add ? load<Float>(at) + sum[r][v] : sum[r][v];
      store<Float>(at, besides.ended(whole, v, behind + r * stride));
    }
  }
}

// Any number of rows, in blocks of at most six and nearly equal.
template <int vectors, class Besides = Plain>
inline void multiply_strip(float* c, Index stride, Left a, Index rows, Right b, Index depth,
                           bool add, const Besides& besides = {}) {
  constexpr Index most = 6;  // 6 × 2 sums, 2 right and 1 left: 15 of AVX2's 16 registers
  const Index blocks = (rows + most - 1) / most;
  const Index least = blocks == 0 ? 0 : rows / blocks;
  const Index larger = rows - blocks * least;  // blocks of one row more
  Index behind = 0;
  for (Index block = 0; block < blocks; ++block) {
    const Index count = block < larger ? least + 1 : least;
    besides.fetch(block, blocks);
    switch (count) {
      case 6:
        multiply_block<6, vectors>(c, stride, a, b, depth, add, besides, behind);
        break;
      case 5:
        multiply_block<5, vectors>(c, stride, a, b, depth, add, besides, behind);
        break;
      case 4:
        multiply_block<4, vectors>(c, stride, a, b, depth, add, besides, behind);
        break;
      case 3:
        multiply_block<3, vectors>(c, stride, a, b, depth, add, besides, behind);
        break;
      case 2:
        multiply_block<2, vectors>(c, stride, a, b, depth, add, besides, behind);
        break;
      default:
        multiply_block<1, vectors>(c, stride, a, b, depth, add, besides, behind);
    }
    a.base += count * a.row;
    c += count * stride;
    behind += count * stride;
  }
}

// The right-hand operand in panels of two vectors, the last perhaps of one: element (k, j) of a
// panel that begins at column p lies at p * depth + k * width + (j - p).
inline constexpr Index panel = 2 * lanes;

inline Index panel_width(Index begin, Index columns) {
  return columns - begin < panel ? columns - begin : panel;
}

// c (rows, columns) (+)= a (rows, depth) · b (depth, columns) in panels; columns a multiple of
// lanes.
inline void multiply_panels(float* c, Index stride, Left a, Index rows, const float* b,
                            Index columns, Index depth, bool add) {
  for (Index begin = 0; begin < columns; begin += panel) {
    const Index width = panel_width(begin, columns);
    const Right right{b + begin * depth, width};
    if (width == panel) {
      multiply_strip<2>(c + begin, stride, a, rows, right, depth, add);
    } else {
      multiply_strip<1>(c + begin, stride, a, rows, right, depth, add);
    }
  }
}

}  // namespace sloy::SLOY_ISA
