#include "kernels/simd/depthwise.h"

#include "kernels/simd/ending.h"
#include "kernels/simd/microkernel.h"

namespace sloy::SLOY_ISA {
namespace {

using Columns = DepthwiseColumns;

Index smaller(Index a, Index b) { return a < b ? a : b; }
Index larger(Index a, Index b) { return a > b ? a : b; }

// Where all taps lie within the line.
struct Inside {
  Index begin, end;
};

Inside inside(const Columns& s) {
  const Index begin = s.start < 0 ? (-s.start + s.stride - 1) / s.stride : 0;
  const Index room = s.width - s.taps - s.start;
  const Index end = room < 0 ? 0 : smaller(s.count, room / s.stride + 1);
  return begin < end ? Inside{begin, end}
                     : Inside{smaller(begin, s.count), smaller(begin, s.count)};
}

// One vector of channels of lines, from channel `at` on.
struct Place {
  const DepthwiseLine* lines;
  Index count, channels, at;
};

// `size` elements, the first of which reads the pixels from `column` on; w: `tap` taps further.
template <int taps, int stride, int size>
inline void tile(float* y, Index step, const Place& p, Index column, Index tap,
                 const DepthwiseEnd& end) {
  Float sum[size];
#pragma GCC unroll 6
  for (int j = 0; j < size; ++j) sum[j] = Float{};
  for (Index line = 0; line < p.count; ++line) {
    const float* x = p.lines[line].x + column * p.channels + p.at;
    const float* w = p.lines[line].w + tap * p.channels + p.at;
    Float weight[taps];
#pragma GCC unroll 8
    for (int t = 0; t < taps; ++t) weight[t] = load<Float>(w + t * p.channels);
#pragma GCC unroll 18
    for (int i = 0; i < (size - 1) * stride + taps; ++i) {
      const Float pixel = load<Float>(x + i * p.channels);
#pragma GCC unroll 6
      for (int j = 0; j < size; ++j) {
        const int t = i - j * stride;
        if (t >= 0 && t < taps) sum[j] += pixel * weight[t];
      }
    }
  }
  const Float scale = end.scale == nullptr ? splat<Float>(1.0f) : load<Float>(end.scale + p.at);
  const Float bias = end.bias == nullptr ? Float{} : load<Float>(end.bias + p.at);
  const Float low = splat<Float>(end.low), high = splat<Float>(end.high);
#pragma GCC unroll 6
  for (int j = 0; j < size; ++j) {
    store<Float>(y + j * step, between(sum[j] * scale + bias, low, high));
  }
}

// A line of the result, a few elements after another: all their channels lie side by side. The last
// vector holds the last channels, whether or not others hold them too.
struct Work {
  float* y;
  const DepthwiseLine* lines;
  Index count;
  const Columns& s;
  Index channels, begin, end;
  const DepthwiseEnd& finish;

  // Elements from j on, of whose taps those from `tap` on are taken.
  template <int taps, int stride, int size>
  void some(Index j, Index tap) const {
    float* to = y + (s.first + j * s.step) * channels;
    const Index step = s.step * channels, column = j * s.stride + s.start + tap;
    for (Index next = begin; next < end; next += lanes) {
      const Index c = smaller(next, channels - lanes);
      tile<taps, stride, size>(to + c, step, {lines, count, channels, c}, column, tap, finish);
    }
  }

  // One element, of whose taps some lie outside.
  void edge(Index j) const {
    const Index column = j * s.stride + s.start;
    const Index tap = larger(-column, 0);
    switch (smaller(s.width - column, s.taps) - tap) {
      case 1:
        return some<1, 1, 1>(j, tap);
      case 2:
        return some<2, 1, 1>(j, tap);
      case 3:
        return some<3, 1, 1>(j, tap);
      case 4:
        return some<4, 1, 1>(j, tap);
      case 5:
        return some<5, 1, 1>(j, tap);
      case 6:
        return some<6, 1, 1>(j, tap);
      case 7:
        return some<7, 1, 1>(j, tap);
      default:  // none: the bias alone
        return Work{y, lines, 0, s, channels, begin, end, finish}.some<1, 1, 1>(j, 0);
    }
  }
};

template <int taps, int stride>
void line_of(const Work& work) {
  const Inside inner = inside(work.s);
  Index j = 0;
  for (; j < inner.begin; ++j) work.edge(j);
  for (; j + 6 <= inner.end; j += 6) work.some<taps, stride, 6>(j, 0);
  if (j + 4 <= inner.end) {
    work.some<taps, stride, 4>(j, 0);
    j += 4;
  }
  if (j + 2 <= inner.end) {
    work.some<taps, stride, 2>(j, 0);
    j += 2;
  }
  for (; j < work.s.count; ++j) work.edge(j);
}

void any_line(const Work& work) {
  for (Index j = 0; j < work.s.count; ++j) work.edge(j);
}

template <int stride>
void line_of_stride(const Work& work) {
  switch (work.s.taps) {
    case 1:
      return line_of<1, stride>(work);
    case 2:
      return line_of<2, stride>(work);
    case 3:
      return line_of<3, stride>(work);
    case 4:
      return line_of<4, stride>(work);
    case 5:
      return line_of<5, stride>(work);
    case 7:
      return line_of<7, stride>(work);
    default:
      return any_line(work);
  }
}

void forward(float* y, const DepthwiseLine* lines, Index count, const Columns& s, Index channels,
             Index begin, Index end, DepthwiseEnd finish) {
  const Work work{y, lines, count, s, channels, begin, end, finish};
  switch (s.stride) {
    case 1:
      return line_of_stride<1>(work);
    case 2:
      return line_of_stride<2>(work);
    default:
      return any_line(work);
  }
}

// Elements [begin, end) of a line of g and `count` lines of x, and one vector of channels, whose
// sums stay in registers. Element j meets the pixels from j * stride + start on.
template <int taps, int count>
inline void add_products(float* to, Index line_step, Index tap_step, const float* const* x,
                         const float* g, Index stride, Index start, Index channels, Index begin,
                         Index end) {
  Float sum[count][taps];
#pragma GCC unroll 4
  for (int line = 0; line < count; ++line) {
#pragma GCC unroll 8
    for (int tap = 0; tap < taps; ++tap) {
      sum[line][tap] = load<Float>(to + line * line_step + tap * tap_step);
    }
  }
  for (Index j = begin; j < end; ++j) {
    const Float gradient = load<Float>(g + j * channels);
    const Index at = (j * stride + start) * channels;
#pragma GCC unroll 4
    for (int line = 0; line < count; ++line) {
#pragma GCC unroll 8
      for (int tap = 0; tap < taps; ++tap) {
        sum[line][tap] += gradient * load<Float>(x[line] + at + tap * channels);
      }
    }
  }
#pragma GCC unroll 4
  for (int line = 0; line < count; ++line) {
#pragma GCC unroll 8
    for (int tap = 0; tap < taps; ++tap) {
      store<Float>(to + line * line_step + tap * tap_step, sum[line][tap]);
    }
  }
}

// `count` lines of x whose weights follow each other, elements [begin, end) of a line of g, and all
// channels; of the taps `some` from `tap` on.
template <int some, int count>
void add_range(float* to, const float* const* x, const float* g, const Columns& s, Index channels,
               Index tap, Index begin, Index end) {
  const Index vectors = (channels + lanes - 1) / lanes, tap_step = vectors * lanes;
  for (Index v = 0; v < vectors; ++v) {
    const Index c = smaller(v * lanes, channels - lanes);
    const float* from[count];
    for (int line = 0; line < count; ++line) from[line] = x[line] + c;
    add_products<some, count>(to + tap * tap_step + v * lanes, s.taps * tap_step, tap_step, from,
                              g + c, s.stride, s.start + tap, channels, begin, end);
  }
}

template <int count>
void add_at_edge(float* to, const float* const* x, const float* g, const Columns& s, Index channels,
                 Index j) {
  const Index column = j * s.stride + s.start;
  const Index tap = larger(-column, 0);
  switch (smaller(s.width - column, s.taps) - tap) {
    case 1:
      return add_range<1, count>(to, x, g, s, channels, tap, j, j + 1);
    case 2:
      return add_range<2, count>(to, x, g, s, channels, tap, j, j + 1);
    case 3:
      return add_range<3, count>(to, x, g, s, channels, tap, j, j + 1);
    case 4:
      return add_range<4, count>(to, x, g, s, channels, tap, j, j + 1);
    case 5:
      return add_range<5, count>(to, x, g, s, channels, tap, j, j + 1);
    case 6:
      return add_range<6, count>(to, x, g, s, channels, tap, j, j + 1);
    default:
      return;
  }
}

template <int taps, int count>
void add_lines(float* to, const float* const* x, const float* g, const Columns& s, Index channels) {
  constexpr Index together = 16;  // elements: their pixels stay in the first-level cache
  const Inside inner = inside(s);
  for (Index j = 0; j < inner.begin; ++j) add_at_edge<count>(to, x, g, s, channels, j);
  for (Index j = inner.begin; j < inner.end; j += together) {
    add_range<taps, count>(to, x, g, s, channels, 0, j, smaller(j + together, inner.end));
  }
  for (Index j = inner.end; j < s.count; ++j) add_at_edge<count>(to, x, g, s, channels, j);
}

template <int taps, int together>
void add_all(float* to, const float* const* x, Index count, const float* g, const Columns& s,
             Index channels) {
  const Index to_step = (channels + lanes - 1) / lanes * lanes * taps;
  Index line = 0;
  for (; line + together <= count; line += together) {
    add_lines<taps, together>(to + line * to_step, x + line, g, s, channels);
  }
  for (; line < count; ++line) add_lines<taps, 1>(to + line * to_step, x + line, g, s, channels);
}

void weight_grad(float* to, const float* const* x, Index count, const float* g, const Columns& s,
                 Index channels) {
  switch (s.taps) {
    case 1:
      return add_all<1, 4>(to, x, count, g, s, channels);
    case 2:
      return add_all<2, 4>(to, x, count, g, s, channels);
    case 3:
      return add_all<3, 3>(to, x, count, g, s, channels);
    case 4:
      return add_all<4, 2>(to, x, count, g, s, channels);
    case 5:
      return add_all<5, 2>(to, x, count, g, s, channels);
    case 6:
      return add_all<6, 2>(to, x, count, g, s, channels);
    default:
      return add_all<7, 1>(to, x, count, g, s, channels);
  }
}

void bias_grad(float* to, const float* g, Index count, Index channels) {
  const Index vectors = (channels + lanes - 1) / lanes;
  for (Index v = 0; v < vectors; ++v) {
    const Index c = smaller(v * lanes, channels - lanes);
    Float sum = load<Float>(to + v * lanes);
    for (Index j = 0; j < count; ++j) sum += load<Float>(g + j * channels + c);
    store<Float>(to + v * lanes, sum);
  }
}

}  // namespace

DepthwiseKernels depthwise_kernels() { return {lanes, forward, weight_grad, bias_grad}; }

}  // namespace sloy::SLOY_ISA
