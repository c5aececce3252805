// A row of a window is KW·C neighbouring floats of x, and the next output's is stride·C further on:
// so the patches of a convolution are a matrix that overlaps itself in x and need not be written
// out.
#include "kernels/simd/direct.h"

#include "kernels/simd/microkernel.h"
#include "kernels/simd/one_channel.h"
#include "kernels/simd/padded_image.h"
#include "kernels/simd/pooled_weight_grad.h"

namespace sloy::SLOY_ISA {
namespace {

// The left operand: element (i, line, k) at base[offset[i] + line * stride + k * step].
struct Patches {
  const float* base;
  const Index* offset;
  Index line, step;
};

// The right operand: element (line, k, j) at base[line * stride + k * step + j].
struct Lines {
  const float* base;
  Index line, step;
};

// c (rows, vectors · lanes), `stride` apart, += Σ over lines and k.
template <int rows, int vectors>
void multiply_patches(float* c, Index stride, Patches a, Lines b, Index lines, Index depth) {
  Float sum[rows][vectors] = {};
  const float* left[rows];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) left[r] = a.base + a.offset[r];
  for (Index line = 0; line < lines; ++line) {
    const Index shift = line * a.line;
    const float* right = b.base + line * b.line;
    for (Index k = 0; k < depth; ++k, right += b.step) {
      Float columns[vectors];
#pragma GCC unroll 2
      for (int v = 0; v < vectors; ++v) columns[v] = load<Float>(right + v * lanes);
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) {
        const Float value = splat<Float>(left[r][shift + k * a.step]);
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) sum[r][v] += value * columns[v];
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) {
      float* at = c + r * stride + v * lanes;
      store<Float>(at, load<Float>(at) + sum[r][v]);
    }
  }
}

// At most `most` rows at a time, in nearly equal blocks.
template <int vectors, int most>
void multiply_all(float* c, Index stride, Patches a, Index rows, Lines b, Index lines,
                  Index depth) {
  const Index blocks = (rows + most - 1) / most;
  for (Index block = 0; block < blocks; ++block) {
    const Index begin = rows * block / blocks;
    const Index count = rows * (block + 1) / blocks - begin;
    const Patches part{a.base, a.offset + begin, a.line, a.step};
    float* to = c + begin * stride;
#define SLOY_ROWS(n)                                                 \
  case n:                                                            \
    multiply_patches<n, vectors>(to, stride, part, b, lines, depth); \
    break;
    switch (count) {
      SLOY_ROWS(1)
      SLOY_ROWS(2)
      SLOY_ROWS(3)
      SLOY_ROWS(4)
      SLOY_ROWS(5)
      SLOY_ROWS(6)
      default:
        if constexpr (most > 6) {
          switch (count) {
            SLOY_ROWS(7)
            SLOY_ROWS(8)
          }
        }
    }
#undef SLOY_ROWS
  }
}

Index padded_outputs(Index o) { return (o + lanes - 1) / lanes * lanes; }

// g of one image with its channels padded to whole registers.
void pad_channels(float* to, const float* g, Index pixels, Index outputs, Index columns) {
  for (Index p = 0; p < pixels; ++p) {
    for (Index o = 0; o < outputs; ++o) to[p * columns + o] = g[p * outputs + o];
    for (Index o = outputs; o < columns; ++o) to[p * columns + o] = 0.0f;
  }
}

void add_rows(float* __restrict sum, const float* __restrict g, Index pixels, Index columns,
              Index step) {
  for (Index o = 0; o < columns; o += lanes) {
    Float total{};
    for (Index p = 0; p < pixels; ++p) total += load<Float>(g + p * step + o);
    store<Float>(sum + o, load<Float>(sum + o) + total);
  }
}

// part += the products of one image's patches with lines [first, first + lines) of its gradient.
void add_lines(float* part, const float* image, const float* g, Index step, const DirectShape& s,
               Index first, Index lines) {
  constexpr Index rows_at_once = 60;
  const Index columns = padded_outputs(s.o);
  const Index width = s.padded_w() * s.c, in_line = s.kw * s.c;
  for (Index row = 0; row < s.depth(); row += rows_at_once) {
    const Index rows = s.depth() - row < rows_at_once ? s.depth() - row : rows_at_once;
    Index offset[rows_at_once];
    for (Index i = 0; i < rows; ++i) {
      offset[i] = (row + i) / in_line * s.dilation_h * width + (row + i) % in_line;
    }
    const Patches a{image + first * s.stride_h * width, offset, s.stride_h * width,
                    s.stride_w * s.c};
    for (Index o = 0; o < columns; o += panel) {
      const Lines b{g + first * s.ow * step + o, s.ow * step, step};
      float* to = part + row * columns + o;
      if (panel_width(o, columns) == panel) {
        multiply_all<2, 6>(to, columns, a, rows, b, lines, s.ow);
      } else {
        multiply_all<1, 8>(to, columns, a, rows, b, lines, s.ow);
      }
    }
  }
}

// The padded image, g with padded channels, what `AverageGrad` needs.
Index work_floats(const DirectShape& s) {
#if !defined(__AVX512F__)  // AVX2's copy is taken for it there: kernels/direct.cpp
  if (s.pooled) return PooledWeightGrad{s}.work_floats();
#endif
  if (OneChannel::suits(s)) return OneChannel{s}.gradient_floats();
  return s.padded_h() * s.padded_w() * s.c + s.oh * s.ow * padded_outputs(s.o) + 2 * s.ow * s.o;
}

void weight_grad(float* part, const float* x, DirectGradient gradients, float* work,
                 const DirectShape& s, Index begin, Index end) {
  const Index columns = padded_outputs(s.o), pixels = s.oh * s.ow;
#if !defined(__AVX512F__)
  if (s.pooled)
    return PooledWeightGrad{s}.add_images(part, columns, x, gradients, work, begin, end);
#endif
  const float *g = gradients.values, *y = gradients.averaged;
  if (OneChannel::suits(s))
    return weight_grad_of_one_channel(part, columns, x, g, y, work, s, begin, end);
  constexpr Index near_floats = 16384;  // of g, read once for each block of rows of dw
  const Index fitting = near_floats / (s.ow * columns);
  const Index block = fitting < 1 ? 1 : fitting;
  float* image = work;
  float* copy = work + s.padded_h() * s.padded_w() * s.c;
  const AverageGrad spread(copy + pixels * columns, s.averaged ? s.ow / 2 : 0, s.o);
  for (Index i = 0; i < (s.depth() + 1) * columns; ++i) part[i] = 0.0f;
  for (Index n = begin; n < end; ++n) {
    pad_image(image, x + n * s.h * s.w * s.c, s);
    const float* gradient = g + n * pixels * s.o;
    Index step = s.o;
    if (s.averaged) {
      spread.spread_lines<Activation::tanh>(copy, g + n * pixels * s.o / 4, y + n * pixels * s.o,
                                            s.oh / 2);
      gradient = copy;
    } else if (columns != s.o &&
               n + 1 == s.n) {  // elsewhere registers may reach into the next pixel
      pad_channels(copy, gradient, pixels, s.o, columns);
      gradient = copy;
      step = columns;
    }
    for (Index first = 0; first < s.oh; first += block) {
      const Index lines = s.oh - first < block ? s.oh - first : block;
      add_rows(part + s.depth() * columns, gradient + first * s.ow * step, lines * s.ow, columns,
               step);
      add_lines(part, image, gradient, step, s, first, lines);
    }
  }
}

}  // namespace

DirectKernels direct_kernels() { return {padded_outputs, work_floats, weight_grad}; }

}  // namespace sloy::SLOY_ISA
