// A line of y is one product: its pixels' patches (they overlap in x), times the packed weights.
// Taps above and below the image are left out; to the left and right the lines of x are padded with
// zeros first.
#include "kernels/simd/correlate.h"

#include "kernels/simd/activate.h"
#include "kernels/simd/correlate_pooled.h"
#include "kernels/simd/microkernel.h"
#include "kernels/simd/one_channel.h"

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
                   const float* b, Index b_line, Index lines, Index depth) {
  const Index blocks = (pixels + most - 1) / most;
  for (Index block = 0; block < blocks; ++block) {
    const Index begin = pixels * block / blocks;
    float* to = c + begin * columns;
    const float* from = a + begin * pixel;
#define SLOY_PIXELS(n)                                                                        \
  case n:                                                                                     \
    multiply_pixels<n, vectors, distance>(to, columns, from, pixel, line, b, b_line, columns, \
                                          lines, depth);                                      \
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
                      Index line, const float* b, Index b_line, Index lines, Index depth) {
  for (Index o = 0; o < columns; o += panel) {
    if (panel_width(o, columns) == panel) {
      multiply_line<2, 6, distance>(c + o, columns, a, pixels, pixel, line, b + o, b_line, lines,
                                    depth);
    } else {
      multiply_line<1, 8, distance>(c + o, columns, a, pixels, pixel, line, b + o, b_line, lines,
                                    depth);
    }
  }
}

using Multiply = void (*)(float*, Index, const float*, Index, Index, Index, const float*, Index,
                          Index, Index);

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
  if (s.pooled) return CorrelatePooled{s, nullptr, columns, Activation::none}.work_floats();
  if (OneChannel::suits(s)) return OneChannel{s}.line_floats();
  return (needs_padding(s) ? s.h * s.padded_w() * s.c : 0) + (s.ow + 1) * columns;
}

void pack(float* to, const float* w, const DirectShape& s) {
  const Index columns = !s.pooled && OneChannel::suits(s) ? s.o : padded_outputs(s.o);
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

void correlate(float* y, std::uint8_t* places, const float* x, const float* packed,
               const float* bias, Activation activation, float* work, const DirectShape& s,
               Index begin, Index end) {
  const Index columns = padded_outputs(s.o), in_tap_row = s.kw * s.c;
  if (s.pooled) {
    const CorrelatePooled maxima{s, packed, columns, activation};
    return maxima.images(y, places, x, bias, work, begin, end);
  }
  if (OneChannel::suits(s))
    return correlate_one_channel(y, x, packed, bias, activation, work, s, begin, end);
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
      const TapRows taps = s.tap_rows(row);
      for (Index p = 0; p < s.ow; ++p) {
        for (Index o = 0; o < columns; o += lanes) {
          store<Float>(line + p * columns + o, load<Float>(start + o));
        }
      }
      multiply(line, columns, image + taps.line * width, s.ow, pixel, s.dilation_h * width,
               packed + taps.first * in_tap_row * columns, in_tap_row * columns, taps.count,
               in_tap_row);
      finish_line(y + (n * s.oh + row) * s.ow * s.o, line, s.ow, s.o, columns, activation);
    }
  }
}

// KW C rounded up to whole registers.
Index padded_taps(const DirectShape& s) { return padded_outputs(s.kw * s.c); }

// The products of a line of dx, and what a register reads beyond them.
Index gather_work_floats(const DirectShape& s) { return s.ow * padded_taps(s) + lanes; }

void pack_exchanged(float* to, const float* w, const DirectShape& s) {
  const Index taps = s.kw * s.c, columns = padded_taps(s);
  for (Index kh = 0; kh < s.kh; ++kh) {
    for (Index o = 0; o < s.o; ++o, to += columns) {
      for (Index j = 0; j < columns; ++j) to[j] = j < taps ? w[(kh * taps + j) * s.o + o] : 0.0f;
    }
  }
}

// The taps of a window that meet line h of x: kh = first, first + step, …; `count` of them. The
// first meets line `row` of y, the others the lines `back` apart before it.
struct Meeting {
  Index first, step, count, row, back;
};

Meeting meeting_of(Index h, const DirectShape& s) {
  Meeting found{0, 1, 0, 0, 0};
  for (Index kh = 0; kh < s.kh; ++kh) {
    const Index above = h + s.top - kh * s.dilation_h;
    if (above < 0 || above % s.stride_h != 0 || above / s.stride_h >= s.oh) continue;
    if (found.count == 0) found.first = kh, found.row = above / s.stride_h;
    if (found.count == 1)
      found.step = kh - found.first, found.back = found.row - above / s.stride_h;
    ++found.count;
  }
  return found;
}

// dx (W, C) = Σ over kw of products (OW, columns) where they lie, whole registers wherever they end
// within the line: what is too much of a pixel, the next one overwrites.
void gather_line(float* dx, const float* products, const DirectShape& s) {
  const Index columns = padded_taps(s), width = s.w * s.c;
  Index last = s.left / s.stride_w, rest = s.left % s.stride_w;  // the tap `rest` of output `last`
  for (Index w = 0; w < s.w; ++w) {
    const Index skipped = last < s.ow ? 0 : last - s.ow + 1;
    const Index first = rest + skipped * s.stride_w, from = last - skipped;
    const Index reaching = (s.kw - first + s.stride_w - 1) / s.stride_w;
    const Index count = reaching < from + 1 ? reaching : from + 1;
    for (Index c = 0; c < s.c; c += lanes) {
      Float sum{};
      const float* product = products + from * columns + first * s.c + c;
      for (Index i = 0; i < count; ++i) {
        sum += load<Float>(product);
        product += s.stride_w * s.c - columns;
      }
      float* to = dx + w * s.c + c;
      if (w * s.c + c + lanes <= width) {
        store<Float>(to, sum);
      } else {
        for (Index lane = 0; lane < lanes && c + lane < s.c; ++lane) to[lane] = sum[lane];
      }
    }
    if (++rest == s.stride_w) rest = 0, ++last;
  }
}

// A line of dx is one product, over the lines of g that it meets and their channels; its columns
// are the taps of a row of the window, which are then added where they lie.
void gather(float* dx, const float* g, const float* packed, float* work, const DirectShape& s,
            Index begin, Index end) {
  const Index columns = padded_taps(s), width = s.ow * s.o;
  const Multiply multiply = multiply_for(s.o);
  for (Index i = 0; i < s.ow * columns + lanes; ++i) work[i] = 0.0f;
  for (Index line = begin * s.h; line < end * s.h; ++line) {
    const Meeting m = meeting_of(line % s.h, s);
    for (Index i = 0; i < s.ow * columns; i += lanes) store<Float>(work + i, Float{});
    multiply(work, columns, g + (line / s.h * s.oh + m.row) * width, s.ow, s.o, -m.back * width,
             packed + m.first * s.o * columns, m.step * s.o * columns, m.count, s.o);
    gather_line(dx + line * s.w * s.c, work, s);
  }
}

}  // namespace

CorrelateKernels correlate_kernels() {
  return {padded_outputs, work_floats,        pack,           correlate,
          padded_taps,    gather_work_floats, pack_exchanged, gather};
}

}  // namespace sloy::SLOY_ISA
