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
constexpr Index panels_together = 4;  // that are packed while they are multiplied
constexpr Index rows_worth_packing = 48;
constexpr Index widest_in_place = 512;  // lines further apart have pages of their own

Index smaller(Index a, Index b) { return a < b ? a : b; }
Index larger(Index a, Index b) { return a > b ? a : b; }
Index parts(Index size, Index most) { return (size + most - 1) / most; }
Index padded(Index columns) { return parts(columns, lanes) * lanes; }

Index panels(const ProductShape& s) { return parts(s.n, panel); }

// Whether a panel's lines find room in the first-level cache (of 64 sets with 8 lines of 16
// floats): the further a power of two divides their distance, the fewer sets they fall into.
bool spreads(const ProductShape& s) {
  constexpr Index sets = 64, ways = 8, line = 16;
  const Index distance = s.b_line % line == 0 ? larger(s.b_line / line, 1) : 1;
  const Index shared = smaller(distance & -distance, sets);
  return smaller(s.k, depth_block) <= ways * sets / shared;
}

// Not by the rows alone: a part of them is multiplied with what was packed for all.
bool in_place(const ProductShape& s) {
  const bool hardly_read = s.few_rows && s.m < rows_worth_packing;
  return !s.transpose_b && s.n % lanes == 0 && s.b_line <= widest_in_place &&
         (spreads(s) || hardly_read);
}

// Whether a block packs the panels that it is about to read, which stay in the first-level cache:
// of few rows each panel is read by one block alone.
bool packs_within(const ProductShape& s) { return s.few_rows && !in_place(s); }

Index packed_floats(const ProductShape& s) {
  return in_place(s) || packs_within(s) ? 0 : s.k * padded(s.n);
}

struct Span {
  Index begin, end;
};

// The panel whose columns begin at `first`, lines `depth` of it; element (k, j) at k * width + j.
void pack_panel(float* __restrict to, const float* b, const ProductShape& s, Index first,
                Span depth) {
  const Index width = panel_width(first, padded(s.n));
  const Index filled = smaller(width, s.n - first);
  if (s.transpose_b) {
    const Index room = (s.n - first - 1) * s.b_line + s.k - depth.begin;
    transpose_in(to, width, b + first * s.b_line + depth.begin, s.b_line, filled,
                 depth.end - depth.begin, room);
    return;
  }
  for (Index k = depth.begin; k < depth.end; ++k, to += width) {
    const float* row = b + k * s.b_line + first;
    if (width <= (s.k - 1 - k) * s.b_line + s.n - first) {  // too much, but of b
      for (Index j = 0; j < width; j += lanes) store<Float>(to + j, load<Float>(row + j));
    } else {
      for (Index j = 0; j < width; ++j) to[j] = j < filled ? row[j] : 0.0f;
    }
  }
}

// Panels of columns [begin, end), lines `depth` of them: side by side, a line of b at a time.
void pack_panels(float* __restrict to, const float* b, const ProductShape& s, Index begin,
                 Index end, Span depth) {
  const Index deep = depth.end - depth.begin, whole = begin + (end - begin) / panel * panel;
  if (s.transpose_b) {
    for (Index first = begin; first < end; first += panel) {
      pack_panel(to + (first - begin) * deep, b, s, first, depth);
    }
    return;
  }
  for (Index k = depth.begin; k < depth.end; ++k) {
    const float* row = b + k * s.b_line;
    float* line = to + (k - depth.begin) * panel;
    for (Index first = begin; first < whole; first += panel, line += panel * deep) {
      store<Float>(line, load<Float>(row + first));
      store<Float>(line + lanes, load<Float>(row + first + lanes));
    }
  }
  if (whole < end) pack_panel(to + (whole - begin) * deep, b, s, whole, depth);
}

// The panels follow each other.
void pack(float* packed, const float* b, const ProductShape& s, Index begin, Index end) {
  for (Index first = begin * panel; first < smaller(end * panel, s.n); first += panel) {
    pack_panel(packed + first * s.k, b, s, first, {0, s.k});
  }
}

// Rows of (K, M) so far apart that a column of them does not fit into the cache sets it falls into.
bool packs_left(const ProductShape& s) {
  return !s.gathers && s.transpose_a && s.a_line % 256 == 0;
}

// Of the panels that are packed within.
Index inner_floats(const ProductShape& s) {
  return packs_within(s) ? smaller(s.k, depth_block) * panel * panels_together : 0;
}

Index rows_of_block(const ProductShape& s) { return packs_within(s) ? s.m : row_block; }

// Working memory: a panel of y that is not whole; a block of rows of a left operand that is not
// read as it lies; a panel that is packed within.
Index work_floats(const ProductShape& s) {
  const Index depth = smaller(s.k, depth_block);
  return rows_of_block(s) * (panel + (packs_left(s) || s.gathers ? depth : 0)) + inner_floats(s);
}

ProductBlocks blocks(const ProductShape& s, Index least) {
  const Index rows = packs_within(s) ? smaller(s.m, 1) : parts(s.m, row_block);
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
                    bool add, const Ahead& ahead) {
  if (width != panel) {
    multiply_strip<1>(c, stride, a, rows, b, depth, add);
  } else if (ahead.lines == 0) {
    multiply_strip<2>(c, stride, a, rows, b, depth, add);
  } else {
    multiply_strip<2>(c, stride, a, rows, b, depth, add, ahead);
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
    case 8:
      return take_over_columns<8>(to, stride, from, rows, add);
    default:
      break;
  }
  for (Index i = 0; i < rows; ++i, to += stride, from += panel) {
    for (Index j = 0; j < columns; ++j) to[j] = add ? to[j] + from[j] : from[j];
  }
}

// Of the first `columns` of a panel.
Finish finish_of(const Ending& ending, const Ahead& ahead, Index columns = panel) {
  const Bounds bounds = bounds_of(ending.activation);
  Finish finish{ahead,          {}, {}, splat<Float>(bounds.low), splat<Float>(bounds.high),
                ending.residual};
  for (int v = 0; v < 2; ++v) {
    const Index at = v * lanes;
    const auto part = [&](const float* from, Float otherwise) {
      return from == nullptr || at >= columns ? otherwise : load_part(from + at, columns - at);
    };
    finish.scale[v] = part(ending.scale, splat<Float>(1.0f));
    finish.bias[v] = part(ending.bias, Float{});
  }
  return finish;
}

// Lines `panel` floats apart, of which `columns` count; what lies behind these may become anything.
void finish_edge(float* edge, Index rows, Index columns, Index width, const Ending& ending) {
  const Finish finish = finish_of(ending, {}, columns);
  for (float* line = edge; line != edge + rows * panel; line += panel) {
    for (Index j = 0; j < width; j += lanes) {
      const int vector = static_cast<int>(j / lanes);
      store<Float>(line + j, finish.ended(load<Float>(line + j), vector, 0));
    }
    if (!is_bounded(ending.activation)) activate_row(line, ending.activation, width);
  }
}

// One panel of y, which goes through `edge` (row_block, panel) where it is not whole.
void multiply_panel(float* y, Index stride, Left a, Index rows, Right b, Index columns, Index width,
                    Index depth, bool add, const Ending& ending, const Ahead& ahead, float* edge) {
  if (columns == panel && !ending.is_empty() && is_bounded(ending.activation)) {
    return multiply_strip<2>(y, stride, a, rows, b, depth, add, finish_of(ending, ahead));
  }
  if (columns == width) {
    multiply_strip(y, stride, a, rows, b, width, depth, add, ahead);
  } else {
    multiply_strip(edge, panel, a, rows, b, width, depth, false, ahead);
    // Whole sums are ended where they are: lines of whole registers, which are read as they were
    // written.
    const bool whole = !add && !ending.is_empty() && ending.residual == nullptr;
    if (whole) finish_edge(edge, rows, columns, width, ending);
    take_over(y, stride, edge, rows, columns, add);
    if (whole) return;
  }
  if (ending.is_empty()) return;
  for (Index i = 0; i < rows; ++i) finish_line(y + i * stride, ending.from(0, i * stride), columns);
}

Span part_of(Index size, Index count, Index index, Index unit) {
  const Index units = parts(size, unit);
  return {smaller(units * index / count * unit, size),
          smaller(units * (index + 1) / count * unit, size)};
}

// Of a panel that will be packed.
Ahead lines_of(const float* b, const ProductShape& s, Index column, Span depth) {
  if (s.transpose_b || column >= s.n) return {};
  return {{}, b + depth.begin * s.b_line + column, s.b_line, depth.end - depth.begin};
}

Index steps(const ProductShape& s) { return larger(parts(s.k, depth_block), 1); }

// Depths `some` of all steps; y's lines `stride` floats apart.
void multiply_block(float* y, Index stride, const float* a, const float* b, const Ending& ending,
                    float* work, const ProductShape& s, const ProductBlocks& blocks, Index block,
                    Span some) {
  const Index unit = packs_within(s) ? 1 : row_unit;
  const Span rows = part_of(s.m, blocks.rows, block / blocks.columns, unit);
  const Span columns = part_of(s.n, blocks.columns, block % blocks.columns, panel);
  float* edge = work;
  float* inner = work + rows_of_block(s) * panel;
  float* left = inner + inner_floats(s);
  const Index count = rows.end - rows.begin;
  const Index count_of_steps = steps(s);
  y += rows.begin * stride;
  for (Index step = some.begin; step < some.end; ++step) {
    const Span depth = part_of(s.k, count_of_steps, step, 1);
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
      Right right{b + begin * s.k + depth.begin * width, width};
      Ahead ahead;
      if (in_place(s)) {
        right = {b + depth.begin * s.b_line + begin, s.b_line};
      } else if (packs_within(s)) {
        constexpr Index group = panels_together * panel;
        const Index place = (begin - columns.begin) % group;
        const Index next = begin + group;
        if (place == 0) pack_panels(inner, b, s, begin, smaller(next, columns.end), depth);
        right.base = inner + place * deep;
        if (next < columns.end) {
          ahead = lines_of(b, s, next, depth);
        } else if (step + 1 < some.end) {
          ahead = lines_of(b, s, columns.begin + place, part_of(s.k, count_of_steps, step + 1, 1));
        }
      }
      const bool last = step == some.end - 1;
      multiply_panel(y + begin, stride, part, count, right, smaller(width, s.n - begin), width,
                     deep, step > some.begin,
                     last ? ending.from(begin, rows.begin * stride + begin) : Ending{}, ahead,
                     edge);
    }
  }
}

void multiply(float* y, const float* a, const float* b, const Ending& ending, float* work,
              const ProductShape& s, const ProductBlocks& blocks, Index begin, Index end) {
  for (Index block = begin; block < end; ++block) {
    multiply_block(y, s.y_line, a, b, ending, work, s, blocks, block, {0, steps(s)});
  }
}

void multiply_step(float* sums, const float* a, const float* b, float* work, const ProductShape& s,
                   const ProductBlocks& blocks, Index block, Index step) {
  multiply_block(sums + step * s.m * s.n, s.n, a, b, {}, work, s, blocks, block, {step, step + 1});
}

void add_steps(float* y, const float* sums, const Ending& ending, const ProductShape& s,
               Index begin, Index end) {
  for (Index row = begin; row < end; ++row) {
    float* to = y + row * s.y_line;
    copy(to, sums + row * s.n, s.n);
    for (Index step = 1; step < steps(s); ++step) {
      const float* from = sums + (step * s.m + row) * s.n;
      for (Index j = 0; j < s.n; ++j) to[j] += from[j];
    }
    if (!ending.is_empty()) finish_line(to, ending.from(0, row * s.y_line), s.n);
  }
}

}  // namespace

ProductKernels product_kernels() {
  return {blocks,   panels, packed_floats, pack,     work_floats,
          multiply, steps,  multiply_step, add_steps};
}

}  // namespace sloy::SLOY_ISA
