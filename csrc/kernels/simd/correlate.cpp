// A line of y is one product: its pixels' patches (they overlap in x), times the packed weights.
// Taps above and below the image are left out; to the left and right the lines of x are padded with
// zeros first.
#include "kernels/simd/correlate.h"

#include "kernels/simd/activate.h"
#include "kernels/simd/microkernel.h"

namespace sloy::SLOY_ISA {
namespace {

// c (pixels, vectors · lanes), `stride` apart, += Σ over lines and k of a (line, pixel, k) b (line,
// k, j): a line of `a` is `line` floats from the next, its pixels `pixel` floats apart and
// overlapping. A distance that is known at compile time keeps the pixels' addresses out of the
// registers.
template <int pixels, int vectors, int distance>
inline void multiply_pixels(float* c, Index stride, const float* a, Index pixel, Index line,
                            const float* b, Index b_line, Index columns, Index lines, Index depth) {
  const Index apart = distance > 0 ? distance : pixel;
  Float sum[pixels][vectors];
#pragma GCC unroll 8
  for (int p = 0; p < pixels; ++p) {
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) sum[p][v] = load<Float>(c + p * stride + v * lanes);
  }
  for (Index l = 0; l < lines; ++l, a += line, b += b_line) {
    const float* left = a;
    const float* right = b;
    for (Index k = 0; k < depth; ++k, ++left, right += columns) {
      Float row[vectors];
#pragma GCC unroll 2
      for (int v = 0; v < vectors; ++v) row[v] = load<Float>(right + v * lanes);
#pragma GCC unroll 8
      for (int p = 0; p < pixels; ++p) {
        const Float value = splat<Float>(left[p * apart]);
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) sum[p][v] += value * row[v];
      }
    }
  }
#pragma GCC unroll 8
  for (int p = 0; p < pixels; ++p) {
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) store<Float>(c + p * stride + v * lanes, sum[p][v]);
  }
}

// The whole line of y (pixels, columns), in blocks of at most `most` pixels and nearly equal.
template <int vectors, int most, int distance>
void multiply_line(float* c, Index columns, const float* a, Index pixels, Index pixel, Index line,
                   const float* b, Index lines, Index depth) {
  const Index blocks = (pixels + most - 1) / most;
  for (Index block = 0; block < blocks; ++block) {
    const Index begin = pixels * block / blocks;
    float* to = c + begin * columns;
    const float* from = a + begin * pixel;
#define SLOY_PIXELS(n)                                                                        \
  case n:                                                                                     \
    multiply_pixels<n, vectors, distance>(to, columns, from, pixel, line, b, depth * columns, \
                                          columns, lines, depth);                             \
    break;
    switch (pixels * (block + 1) / blocks - begin) {
      SLOY_PIXELS(1)
      SLOY_PIXELS(2)
      SLOY_PIXELS(3)
      SLOY_PIXELS(4)
      SLOY_PIXELS(5)
      SLOY_PIXELS(6)
      default:
        if constexpr (most > 6) {
          switch (pixels * (block + 1) / blocks - begin) {
            SLOY_PIXELS(7)
            SLOY_PIXELS(8)
          }
        }
    }
#undef SLOY_PIXELS
  }
}

template <int distance>
void multiply_columns(float* c, Index columns, const float* a, Index pixels, Index pixel,
                      Index line, const float* b, Index lines, Index depth) {
  for (Index o = 0; o < columns; o += panel) {
    if (panel_width(o, columns) == panel) {
      multiply_line<2, 6, distance>(c + o, columns, a, pixels, pixel, line, b + o, lines, depth);
    } else {
      multiply_line<1, 8, distance>(c + o, columns, a, pixels, pixel, line, b + o, lines, depth);
    }
  }
}

using Multiply = void (*)(float*, Index, const float*, Index, Index, Index, const float*, Index,
                          Index);

Multiply multiply_for(Index pixel) {
  switch (pixel) {
    case 1:
      return multiply_columns<1>;
    case 3:
      return multiply_columns<3>;
    case 6:
      return multiply_columns<6>;
    case 8:
      return multiply_columns<8>;
    case 16:
      return multiply_columns<16>;
    default:
      return multiply_columns<0>;
  }
}

bool needs_padding(const DirectShape& s) { return s.left != 0 || s.padded_w() > s.w; }

Index padded_outputs(Index o) { return (o + lanes - 1) / lanes * lanes; }

// The padded image, a line of y, the bias.
Index work_floats(const DirectShape& s) {
  const Index columns = padded_outputs(s.o);
  return (needs_padding(s) ? s.h * s.padded_w() * s.c : 0) + (s.ow + 1) * columns;
}

void pack(float* to, const float* w, const DirectShape& s) {
  const Index columns = padded_outputs(s.o);
  for (Index row = 0; row < s.depth(); ++row) {
    for (Index o = 0; o < columns; ++o) to[row * columns + o] = o < s.o ? w[row * s.o + o] : 0.0f;
  }
}

// to (H, padded W, C)
void pad_lines(float* to, const float* image, const DirectShape& s) {
  const Index width = s.padded_w() * s.c, before = s.left * s.c;
  const Index space = width - before;
  const Index count = s.w * s.c < space ? s.w * s.c : space;
  for (Index h = 0; h < s.h; ++h, to += width) {
    const float* from = image + h * s.w * s.c;
    for (Index i = 0; i < before; ++i) to[i] = 0.0f;
    for (Index i = 0; i < count; ++i) to[before + i] = from[i];
    for (Index i = before + count; i < width; ++i) to[i] = 0.0f;
  }
}

// y (pixels, O) from line (pixels, columns), in whole registers: what is too much of a pixel, the
// next one overwrites; where none is left, it goes through `line` itself.
void finish_line(float* y, float* line, Index pixels, Index outputs, Index columns,
                 Activation activation) {
  for (Index p = 0; p < pixels; ++p) {
    float* from = line + p * columns;
    float* to = (pixels - p) * outputs >= columns ? y + p * outputs : from;
    for (Index o = 0; o < columns; o += lanes) {
      store<Float>(to + o, load<Float>(from + o));
    }
    if (to == from) {
      for (Index o = 0; o < outputs; ++o) y[p * outputs + o] = from[o];
    }
  }
  activate_row(y, activation, pixels * outputs);
}

void correlate(float* y, const float* x, const float* packed, const float* bias,
               Activation activation, float* work, const DirectShape& s, Index begin, Index end) {
  const Index columns = padded_outputs(s.o), in_tap_row = s.kw * s.c;
  const bool pads = needs_padding(s);
  const Index width = (pads ? s.padded_w() : s.w) * s.c;
  float* start = work;
  float* line = start + columns;
  float* padded = line + s.ow * columns;
  for (Index o = 0; o < columns; ++o) start[o] = bias != nullptr && o < s.o ? bias[o] : 0.0f;
  const Index pixel = s.stride_w * s.c;
  const Multiply multiply = multiply_for(pixel);
  for (Index n = begin; n < end; ++n) {
    const float* image = x + n * s.h * s.w * s.c;
    if (pads) {
      pad_lines(padded, image, s);
      image = padded;
    }
    for (Index row = 0; row < s.oh; ++row) {
      const Index top = row * s.stride_h - s.top;
      const Index first = top < 0 ? (-top + s.dilation_h - 1) / s.dilation_h : 0;
      const Index below = (s.h - top + s.dilation_h - 1) / s.dilation_h;
      const Index lines = (below < s.kh ? below : s.kh) - first;
      for (Index p = 0; p < s.ow; ++p) {
        for (Index o = 0; o < columns; o += lanes) {
          store<Float>(line + p * columns + o, load<Float>(start + o));
        }
      }
      if (lines > 0) {
        multiply(line, columns, image + (top + first * s.dilation_h) * width, s.ow, pixel,
                 s.dilation_h * width, packed + first * in_tap_row * columns, lines, in_tap_row);
      }
      finish_line(y + (n * s.oh + row) * s.ow * s.o, line, s.ow, s.o, columns, activation);
    }
  }
}

Index padded_depth(const DirectShape& s) { return padded_outputs(s.depth()); }

// dx with padded channels, the products of a line of g, and what a register reads beyond.
Index spread_work_floats(const DirectShape& s) {
  return s.h * s.padded_w() * padded_outputs(s.c) + s.ow * padded_depth(s) + lanes;
}

void pack_exchanged(float* to, const float* w, const DirectShape& s) {
  const Index depth = s.depth(), columns = padded_depth(s);
  for (Index begin = 0; begin < columns; begin += panel) {
    const Index width = panel_width(begin, columns);
    for (Index o = 0; o < s.o; ++o) {
      for (Index j = 0; j < width; ++j) {
        to[begin * s.o + o * width + j] = begin + j < depth ? w[(begin + j) * s.o + o] : 0.0f;
      }
    }
  }
}

// One tap of a line: sum (pixels, padded C), `apart` floats from pixel to pixel, += products.
void add_tap(float* sum, const float* products, Index pixels, Index apart, Index channels,
             Index columns) {
  for (Index p = 0; p < pixels; ++p) {
    for (Index c = 0; c < channels; c += lanes) {
      float* to = sum + p * apart + c;
      store<Float>(to, load<Float>(to) + load<Float>(products + p * columns + c));
    }
  }
}

void spread(float* dx, const float* g, const float* packed, float* work, const DirectShape& s,
            Index begin, Index end) {
  const Index columns = padded_depth(s), channels = padded_outputs(s.c);
  const Index width = s.padded_w() * channels;
  float* sum = work;
  float* products = sum + s.h * width;
  const Index kept = s.padded_w() - s.left < s.w ? s.padded_w() - s.left : s.w;
  for (Index i = 0; i < lanes; ++i) products[s.ow * columns + i] = 0.0f;
  for (Index n = begin; n < end; ++n) {
    for (Index i = 0; i < s.h * width; i += lanes) store<Float>(sum + i, Float{});
    for (Index row = 0; row < s.oh; ++row) {
      const Left line{g + (n * s.oh + row) * s.ow * s.o, s.o, 1};
      multiply_panels(products, columns, line, s.ow, packed, columns, s.o, false);
      for (Index kh = 0; kh < s.kh; ++kh) {
        const Index h = row * s.stride_h - s.top + kh * s.dilation_h;
        if (h < 0 || h >= s.h) continue;
        for (Index kw = 0; kw < s.kw; ++kw) {
          add_tap(sum + h * width + kw * channels, products + (kh * s.kw + kw) * s.c, s.ow,
                  s.stride_w * channels, channels, columns);
        }
      }
    }
    for (Index h = 0; h < s.h; ++h) {
      float* to = dx + (n * s.h + h) * s.w * s.c;
      finish_line(to, sum + h * width + s.left * channels, kept, s.c, channels, Activation::none);
      for (Index i = kept * s.c; i < s.w * s.c; ++i) to[i] = 0.0f;
    }
  }
}

}  // namespace

CorrelateKernels correlate_kernels() {
  return {padded_outputs, work_floats,        pack,           correlate,
          padded_depth,   spread_work_floats, pack_exchanged, spread};
}

}  // namespace sloy::SLOY_ISA
