// Depth in blocks of 256, rows in blocks of 48: a packed block of `a` (48 KiB) and one panel of `b`
// are near while 6 rows × 2 vectors of y stay in registers.
#include "kernels/simd/product.h"

#include "kernels/simd/activate.h"
#include "kernels/simd/microkernel.h"

namespace sloy::SLOY_ISA {
namespace {

constexpr Index depth_block = 256;
constexpr Index row_block = 48;

Index smaller(Index a, Index b) { return a < b ? a : b; }
Index padded(Index columns) { return (columns + lanes - 1) / lanes * lanes; }

Index work_floats(const ProductShape& s) {
  const Index depth = smaller(s.k, depth_block);
  return depth * (row_block + padded(s.n)) + row_block * panel;
}

// to: panels of rows [first, first + depth) of op(b), columns beyond N filled with zeros.
void pack_right(float* to, const float* b, const ProductShape& s, Index first, Index depth) {
  const Index columns = padded(s.n);
  for (Index begin = 0; begin < columns; begin += panel) {
    const Index width = panel_width(begin, columns);
    const Index filled = smaller(width, s.n - begin);
    float* strip = to + begin * depth;
    if (s.transpose_b) {
      for (Index j = 0; j < filled; ++j) {
        const float* row = b + (begin + j) * s.k + first;
        for (Index k = 0; k < depth; ++k) strip[k * width + j] = row[k];
      }
    } else {
      for (Index k = 0; k < depth; ++k) {
        const float* row = b + (first + k) * s.n + begin;
        for (Index j = 0; j < filled; ++j) strip[k * width + j] = row[j];
      }
    }
    for (Index k = 0; k < depth; ++k) {
      for (Index j = filled; j < width; ++j) strip[k * width + j] = 0.0f;
    }
  }
}

// to [k][row] from a transposed left operand (K, M).
void pack_left(float* __restrict to, const float* a, const ProductShape& s, Index row, Index rows,
               Index first, Index depth) {
  for (Index k = 0; k < depth; ++k) {
    const float* from = a + (first + k) * s.m + row;
    for (Index i = 0; i < rows; ++i) to[k * rows + i] = from[i];
  }
}

// The panels of y; the last one goes through `edge` (row_block, panel) when it is not whole.
void multiply_rows(float* y, Left a, Index rows, const float* b, Index columns, Index depth,
                   bool add, float* edge) {
  const Index whole = columns / lanes * lanes;
  const Index last = columns % lanes == 0 ? columns : columns / panel * panel;
  for (Index begin = 0; begin < last; begin += panel) {
    const Index width = panel_width(begin, whole);
    const Right right{b + begin * depth, width};
    if (width == panel) {
      multiply_strip<2>(y + begin, columns, a, rows, right, depth, add);
    } else {
      multiply_strip<1>(y + begin, columns, a, rows, right, depth, add);
    }
  }
  if (last == columns) return;
  const Index width = panel_width(last, padded(columns));
  const Right right{b + last * depth, width};
  if (width == panel) {
    multiply_strip<2>(edge, panel, a, rows, right, depth, false);
  } else {
    multiply_strip<1>(edge, panel, a, rows, right, depth, false);
  }
  for (Index i = 0; i < rows; ++i) {
    float* to = y + i * columns + last;
    for (Index j = 0; j < columns - last; ++j) {
      to[j] = add ? to[j] + edge[i * panel + j] : edge[i * panel + j];
    }
  }
}

void finish(float* __restrict y, const float* __restrict bias, Activation activation, Index rows,
            Index columns) {
  if (bias != nullptr) {
    for (Index i = 0; i < rows; ++i) {
      for (Index j = 0; j < columns; ++j) y[i * columns + j] += bias[j];
    }
  }
  activate_row(y, activation, rows * columns);
}

void multiply(float* y, const float* a, const float* b, const float* bias, Activation activation,
              float* work, const ProductShape& s, Index begin, Index end) {
  float* edge = work;
  float* left = edge + row_block * panel;
  for (Index first = 0; first < s.k; first += depth_block) {
    const Index depth = smaller(s.k - first, depth_block);
    float* right = left + depth * row_block;
    pack_right(right, b, s, first, depth);
    for (Index row = begin; row < end; row += row_block) {
      const Index rows = smaller(end - row, row_block);
      Left part{a + row * s.k + first, s.k, 1};
      if (s.transpose_a) {
        pack_left(left, a, s, row, rows, first, depth);
        part = {left, 1, rows};
      }
      float* to = y + row * s.n;
      multiply_rows(to, part, rows, right, s.n, depth, first > 0, edge);
      if (first + depth == s.k) finish(to, bias, activation, rows, s.n);
    }
  }
}

}  // namespace

ProductKernels product_kernels() { return {work_floats, multiply}; }

}  // namespace sloy::SLOY_ISA
