// Depth in blocks of about 256, rows in blocks of at most 48: one panel of `b` over such a depth
// (16 KiB with AVX2) stays in the first-level cache while the rows go past it, six at a time.
#include "kernels/simd/product.h"

#include "kernels/simd/ending.h"
#include "kernels/simd/microkernel.h"
#include "kernels/simd/transpose.h"

namespace sloy::SLOY_ISA {
namespace {

constexpr Index depth_block = 400;
constexpr Index row_unit = 24;  // whole groups of six rows, and whole vectors
constexpr Index row_block = 2 * row_unit;
constexpr Index widest_in_place = 512;  // lines further apart fall into the same cache sets

Index smaller(Index a, Index b) { return a < b ? a : b; }
Index larger(Index a, Index b) { return a > b ? a : b; }
Index parts(Index size, Index most) { return (size + most - 1) / most; }
Index padded(Index columns) { return parts(columns, lanes) * lanes; }

Index panels(const ProductShape& s) { return parts(s.n, panel); }

bool in_place(const ProductShape& s) {
  return !s.transpose_b && s.n % lanes == 0 && s.b_line <= widest_in_place;
}

Index packed_floats(const ProductShape& s) { return in_place(s) ? 0 : s.k * padded(s.n); }

// The panels follow each other; element (k, j) of one at k * width + j.
void pack(float* packed, const float* b, const ProductShape& s, Index begin, Index end) {
  for (Index first = begin * panel; first < smaller(end * panel, s.n); first += panel) {
    const Index width = panel_width(first, padded(s.n));
    const Index filled = smaller(width, s.n - first);
    float* __restrict to = packed + first * s.k;
    if (s.transpose_b) {
      const Index room = (s.n - first - 1) * s.b_line + s.k;
      transpose_in(to, width, b + first * s.b_line, s.b_line, filled, s.k, room);
      continue;
    }
    for (Index k = 0; k < s.k; ++k) {
      const float* row = b + k * s.b_line + first;
      if (width <= (s.k - 1 - k) * s.b_line + s.n - first) {  // too much, but of b
        for (Index j = 0; j < width; j += lanes) {
          store<Float>(to + k * width + j, load<Float>(row + j));
        }
      } else {
        for (Index j = 0; j < width; ++j) to[k * width + j] = j < filled ? row[j] : 0.0f;
      }
    }
  }
}

// Rows of (K, M) so far apart that a column of them does not fit into the cache sets it falls into.
bool packs_left(const ProductShape& s) {
  return !s.gathers && s.transpose_a && s.a_line % 256 == 0;
}

// Working memory: a block of rows of a transposed left operand, and a panel of y that is not whole.
Index work_floats(const ProductShape& s) {
  return row_block * (panel + (packs_left(s) || s.gathers ? smaller(s.k, depth_block) : 0));
}

ProductBlocks blocks(const ProductShape& s, Index least) {
  const Index rows = parts(s.m, row_block);
  if (rows == 0) return {0, 0};
  return {rows, smaller(panels(s), parts(least, rows))};
}

// to [k][row] from a transposed left operand (K, M).
void pack_left(float* __restrict to, const float* a, const ProductShape& s, Index row, Index rows,
               Index first, Index depth) {
  const Index whole = rows / lanes * lanes;
  for (Index k = 0; k < depth; ++k) {
    const float* from = a + (first + k) * s.a_line + row;
    for (Index i = 0; i < whole; i += lanes) store<Float>(to + k * rows + i, load<Float>(from + i));
    for (Index i = whole; i < rows; ++i) to[k * rows + i] = from[i];
  }
}

void copy(float* __restrict to, const float* __restrict from, Index size) {
  for (Index i = 0; i < size; ++i) to[i] = from[i];
}

void fill_zeros(float* to, Index size) {
  for (Index i = 0; i < size; ++i) to[i] = 0.0f;
}

// to [row][k]: columns [first, first + depth) of the patches of pixels [row, row + rows).
void gather(float* to, const float* x, const Patches& p, Index row, Index rows, Index first,
            Index depth) {
  for (Index i = row; i < row + rows; ++i, to += depth) {
    const Index column = i % p.ow, line = i / p.ow % p.oh, image = i / (p.ow * p.oh);
    for (Index k = first; k < first + depth;) {
      const Index tap = k / p.c, channel = k % p.c;
      const Index count = smaller(p.c - channel, first + depth - k);
      const Index h = line * p.stride_h + tap / p.kw * p.dilation_h - p.top;
      const Index w = column * p.stride_w + tap % p.kw * p.dilation_w - p.left;
      if (h < 0 || h >= p.h || w < 0 || w >= p.w) {
        fill_zeros(to + k - first, count);
      } else {
        copy(to + k - first, x + ((image * p.h + h) * p.w + w) * p.c + channel, count);
      }
      k += count;
    }
  }
}

void multiply_strip(float* c, Index stride, Left a, Index rows, Right b, Index width, Index depth,
                    bool add) {
  if (width == panel) {
    multiply_strip<2>(c, stride, a, rows, b, depth, add);
  } else {
    multiply_strip<1>(c, stride, a, rows, b, depth, add);
  }
}

// to (rows, columns), lines `stride` floats apart, (+)= from, lines `panel` floats apart.
template <int columns>
void take_over_columns(float* __restrict to, Index stride, const float* __restrict from, Index rows,
                       bool add) {
  for (Index i = 0; i < rows; ++i, to += stride, from += panel) {
#pragma GCC unroll 8
    for (int j = 0; j < columns; ++j) to[j] = add ? to[j] + from[j] : from[j];
  }
}

void take_over(float* __restrict to, Index stride, const float* __restrict from, Index rows,
               Index columns, bool add) {
  switch (columns) {  // with so few, a loop over them would cost more than they
    case 1:
      return take_over_columns<1>(to, stride, from, rows, add);
    case 2:
      return take_over_columns<2>(to, stride, from, rows, add);
    case 3:
      return take_over_columns<3>(to, stride, from, rows, add);
    case 4:
      return take_over_columns<4>(to, stride, from, rows, add);
    default:
      break;
  }
  for (Index i = 0; i < rows; ++i, to += stride, from += panel) {
    for (Index j = 0; j < columns; ++j) to[j] = add ? to[j] + from[j] : from[j];
  }
}

// A panel of sums that was just written.
[[gnu::noinline]] void finish_panel(float* y, Index stride, const Ending& ending, Index rows) {
  const Bounds bounds = bounds_of(ending.activation);
  const Float low = splat<Float>(bounds.low), high = splat<Float>(bounds.high);
  Float scale[2], bias[2];
  for (int v = 0; v < 2; ++v) {
    scale[v] = ending.scale == nullptr ? splat<Float>(1.0f) : load<Float>(ending.scale + v * lanes);
    bias[v] = ending.bias == nullptr ? Float{} : load<Float>(ending.bias + v * lanes);
  }
  for (Index i = 0; i < rows; ++i) {
    for (int v = 0; v < 2; ++v) {
      const Index at = i * stride + v * lanes;
      Float sum = load<Float>(y + at) * scale[v] + bias[v];
      if (ending.residual != nullptr) sum += load<Float>(ending.residual + at);
      store<Float>(y + at, between(sum, low, high));
    }
  }
}

// One panel of y, which goes through `edge` (row_block, panel) where it is not whole.
void multiply_panel(float* y, Index stride, Left a, Index rows, Right b, Index columns, Index width,
                    Index depth, bool add, const Ending& ending, float* edge) {
  if (columns == width) {
    multiply_strip(y, stride, a, rows, b, width, depth, add);
  } else {
    multiply_strip(edge, panel, a, rows, b, width, depth, false);
    take_over(y, stride, edge, rows, columns, add);
  }
  if (ending.is_empty()) return;
  if (columns == panel && is_bounded(ending.activation))
    return finish_panel(y, stride, ending, rows);
  for (Index i = 0; i < rows; ++i) finish_line(y + i * stride, ending.from(0, i * stride), columns);
}

struct Span {
  Index begin, end;
};

Span part_of(Index size, Index count, Index index, Index unit) {
  const Index units = parts(size, unit);
  return {smaller(units * index / count * unit, size),
          smaller(units * (index + 1) / count * unit, size)};
}

void multiply_block(float* y, const float* a, const float* b, const Ending& ending, float* work,
                    const ProductShape& s, Span rows, Span columns) {
  float* edge = work;
  float* left = work + row_block * panel;
  const Index count = rows.end - rows.begin;
  const Index steps = larger(parts(s.k, depth_block), 1);
  y += rows.begin * s.y_line;
  for (Index step = 0; step < steps; ++step) {
    const Span depth = part_of(s.k, steps, step, 1);
    const Index deep = depth.end - depth.begin;
    Left part{a + rows.begin * s.a_line + depth.begin, s.a_line, 1};
    if (s.gathers && s.transpose_a) {
      gather(left, a, s.patches, depth.begin, deep, rows.begin, count);
      part = {left, 1, count};
    } else if (s.gathers) {
      gather(left, a, s.patches, rows.begin, count, depth.begin, deep);
      part = {left, deep, 1};
    } else if (packs_left(s)) {
      pack_left(left, a, s, rows.begin, count, depth.begin, deep);
      part = {left, 1, count};
    } else if (s.transpose_a) {
      part = {a + depth.begin * s.a_line + rows.begin, 1, s.a_line};
    }
    for (Index begin = columns.begin; begin < columns.end; begin += panel) {
      const Index width = panel_width(begin, padded(s.n));
      const Right right = in_place(s) ? Right{b + depth.begin * s.b_line + begin, s.b_line}
                                      : Right{b + begin * s.k + depth.begin * width, width};
      const bool last = step == steps - 1;
      multiply_panel(y + begin, s.y_line, part, count, right, smaller(width, s.n - begin), width,
                     deep, step > 0,
                     last ? ending.from(begin, rows.begin * s.y_line + begin) : Ending{}, edge);
    }
  }
}

void multiply(float* y, const float* a, const float* b, const Ending& ending, float* work,
              const ProductShape& s, const ProductBlocks& blocks, Index begin, Index end) {
  for (Index block = begin; block < end; ++block) {
    const Span rows = part_of(s.m, blocks.rows, block / blocks.columns, row_unit);
    const Span columns = part_of(s.n, blocks.columns, block % blocks.columns, panel);
    multiply_block(y, a, b, ending, work, s, rows, columns);
  }
}

}  // namespace

ProductKernels product_kernels() {
  return {blocks, panels, packed_floats, pack, work_floats, multiply};
}

}  // namespace sloy::SLOY_ISA
