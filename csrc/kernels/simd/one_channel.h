// Convolution of images of one channel, stride 1 along the width, and its weight gradient: first
// layers of few outputs. Registers hold neighbouring pixels, where outputs would not fill them.
#pragma once

#include "kernels/simd/activate.h"
#include "kernels/simd/average_grad.h"
#include "kernels/simd/direct.h"
#include "kernels/simd/transpose.h"

namespace sloy::SLOY_ISA {

// to (n,) = from (n,), the last register, where there is more than one, over the one before it.
inline void copy(float* to, const float* from, std::int64_t n) {
  if (n < lanes) {
    for (std::int64_t i = 0; i < n; ++i) to[i] = from[i];
    return;
  }
  for (std::int64_t i = 0; i + lanes <= n; i += lanes) store<Float>(to + i, load<Float>(from + i));
  store<Float>(to + n - lanes, load<Float>(from + n - lanes));
}

// Asks for n floats, which are read before long.
inline void prefetch(const float* from, std::int64_t n) {
  constexpr std::int64_t cache_line = 16;
  for (std::int64_t i = 0; i < n; i += cache_line) __builtin_prefetch(from + i, 0, 2);
}

// Work: an image with a border of zeros, so that every register of a line reads numbers of its own
// line; then (O, pixels) of a line of y, or of all lines of g, with zeros beyond OW. `averaged`:
// last g itself and 2 OW O floats for `AverageGrad`.
struct OneChannel {
  const DirectShape& s;

  static bool suits(const DirectShape& s) {
    return s.c == 1 && s.stride_w == 1 && s.o % lanes != 0;
  }
  std::int64_t pixels() const { return (s.ow + lanes - 1) / lanes * lanes; }
  std::int64_t width() const { return pixels() + s.kw - 1; }
  std::int64_t image_floats() const { return s.h * width(); }
  std::int64_t line_floats() const { return image_floats() + (s.o + 1) * pixels(); }
  std::int64_t gradient_floats() const {
    const std::int64_t spread = s.averaged ? (s.oh + 2) * s.ow * s.o + lanes : 0;
    return image_floats() + s.o * s.oh * pixels() + (s.depth() + 1) * s.o * lanes + spread;
  }

  // Zeros for a whole image; `place` leaves its border.
  void clear(float* to) const {
    for (std::int64_t i = 0; i < image_floats(); ++i) to[i] = 0.0f;
  }
  void place(float* to, const float* image) const {
    const std::int64_t count = s.w < width() - s.left ? s.w : width() - s.left;
    for (std::int64_t h = 0; h < s.h; ++h, to += width(), image += s.w) {
      copy(to + s.left, image, count);
    }
  }
};

// sum [o][pixel] = start + Σ over taps of w (tap, O) times the pixels that they meet.
template <int outputs, int vectors>
inline void multiply_pixels_of(Float (&sum)[outputs][vectors], const float* x, std::int64_t x_line,
                               const float* w, const float* start, const DirectShape& s,
                               std::int64_t lines) {
#pragma GCC unroll 6
  for (int o = 0; o < outputs; ++o) {
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) sum[o][v] = splat<Float>(start[o]);
  }
  for (std::int64_t l = 0; l < lines; ++l, x += x_line) {
    for (std::int64_t k = 0; k < s.kw; ++k, w += s.o) {
      Float pixels[vectors];
#pragma GCC unroll 2
      for (int v = 0; v < vectors; ++v) pixels[v] = load<Float>(x + k + v * lanes);
#pragma GCC unroll 6
      for (int o = 0; o < outputs; ++o) {
        const Float weight = splat<Float>(w[o]);
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) sum[o][v] += weight * pixels[v];
      }
    }
  }
}

// All outputs of a register's pixels and of the next ones: y (pixels, outputs).
template <int outputs, int vectors>
inline void correlate_pixels(float* y, std::int64_t pixels, const float* x, std::int64_t x_line,
                             const float* w, const float* start, const DirectShape& s,
                             std::int64_t lines) {
  Float sum[outputs][vectors];
  multiply_pixels_of(sum, x, x_line, w, start, s, lines);
#pragma GCC unroll 2
  for (int v = 0; v < vectors; ++v, y += lanes * outputs, pixels -= lanes) {
    Float square[lanes] = {};
#pragma GCC unroll 16
    for (int o = 0; o < lanes; ++o) square[o] = o < outputs ? sum[o][v] : Float{};
    transpose_square(square);
    store_lines(y, outputs, square, pixels, outputs, pixels * outputs);
  }
}

// A line of y (OW, outputs).
template <int outputs>
inline void correlate_line_of_one_channel(float* y, const float* x, std::int64_t x_line,
                                          const float* w, const float* start, const DirectShape& s,
                                          std::int64_t lines) {
  std::int64_t p = 0;
  for (; p + lanes < s.ow; p += 2 * lanes) {
    correlate_pixels<outputs, 2>(y + p * outputs, s.ow - p, x + p, x_line, w, start, s, lines);
  }
  if (p < s.ow) {
    correlate_pixels<outputs, 1>(y + p * outputs, s.ow - p, x + p, x_line, w, start, s, lines);
  }
}

// The same if O is at most `most`; else nothing, and false.
template <int most>
inline bool correlate_few(float* y, const float* x, std::int64_t x_line, const float* w,
                          const float* start, const DirectShape& s, std::int64_t lines) {
  if constexpr (most == 0) {
    return false;
  } else {
    if (s.o != most) return correlate_few<most - 1>(y, x, x_line, w, start, s, lines);
    correlate_line_of_one_channel<most>(y, x, x_line, w, start, s, lines);
    return true;
  }
}

// A line [o][pixel], `apart` floats from output to output.
template <int outputs>
inline void multiply_line_of_one_channel(float* line, std::int64_t apart, const float* x,
                                         std::int64_t x_line, const float* w, const float* start,
                                         const DirectShape& s, std::int64_t lines) {
  std::int64_t p = 0;
  for (; p + 2 * lanes <= apart; p += 2 * lanes) {
    Float sum[outputs][2];
    multiply_pixels_of(sum, x + p, x_line, w, start, s, lines);
#pragma GCC unroll 6
    for (int o = 0; o < outputs; ++o) {
      store<Float>(line + o * apart + p, sum[o][0]);
      store<Float>(line + o * apart + p + lanes, sum[o][1]);
    }
  }
  if (p < apart) {
    Float sum[outputs][1];
    multiply_pixels_of(sum, x + p, x_line, w, start, s, lines);
#pragma GCC unroll 6
    for (int o = 0; o < outputs; ++o) store<Float>(line + o * apart + p, sum[o][0]);
  }
}

// A line of y (OW, O); work: the line with its outputs first, where they are many.
inline void correlate_line(float* y, const float* x, std::int64_t x_line, const float* w,
                           const float* start, float* work, const OneChannel& layout,
                           std::int64_t lines) {
  const DirectShape& s = layout.s;
  if (correlate_few < lanes<6 ? lanes : 6>(y, x, x_line, w, start, s, lines)) return;
  const std::int64_t pixels = layout.pixels();
  for (std::int64_t o = 0; o < s.o;) {
    const std::int64_t left = s.o - o;
    float* to = work + o * pixels;
    if (left >= 6) {
      multiply_line_of_one_channel<6>(to, pixels, x, x_line, w + o, start + o, s, lines);
    } else if (left >= 3) {
      multiply_line_of_one_channel<3>(to, pixels, x, x_line, w + o, start + o, s, lines);
    } else {
      multiply_line_of_one_channel<1>(to, pixels, x, x_line, w + o, start + o, s, lines);
    }
    o += left >= 6 ? 6 : left >= 3 ? 3 : 1;
  }
  transpose_out(y, work, pixels, s.ow, s.o);
}

inline void correlate_one_channel(float* y, const float* x, const float* w, const float* bias,
                                  Activation activation, float* work, const DirectShape& s,
                                  std::int64_t begin, std::int64_t end) {
  const OneChannel layout{s};
  float* image = work;
  float* line = image + layout.image_floats();
  float* start = line + s.o * layout.pixels();
  layout.clear(image);
  for (std::int64_t o = 0; o < s.o; ++o) start[o] = bias != nullptr ? bias[o] : 0.0f;
  for (std::int64_t n = begin; n < end; ++n) {
    layout.place(image, x + n * s.h * s.w);
    for (std::int64_t row = 0; row < s.oh; ++row) {
      const TapRows taps = s.tap_rows(row);
      float* to = y + (n * s.oh + row) * s.ow * s.o;
      correlate_line(to, image + taps.line * layout.width(), s.dilation_h * layout.width(),
                     w + taps.first * s.kw * s.o, start, line, layout, taps.count);
      activate_row(to, activation, s.ow * s.o);
    }
  }
}
// part [tap][o][lane] += Σ over lines and pixels of x, `taps` neighbouring pixels, times g; `apart`
// floats from one output's g to the next's.
template <int taps, int outputs>
inline void multiply_taps_of_one_channel(float* part, const float* x, std::int64_t x_line,
                                         const float* g, std::int64_t apart,
                                         const OneChannel& layout, std::int64_t lines) {
  const std::int64_t pixels = layout.pixels(), step = layout.s.o * lanes;
  Float sum[taps][outputs];
#pragma GCC unroll 6
  for (int k = 0; k < taps; ++k) {
#pragma GCC unroll 3
    for (int o = 0; o < outputs; ++o) sum[k][o] = load<Float>(part + k * step + o * lanes);
  }
  for (std::int64_t l = 0; l < lines; ++l, x += x_line, g += pixels) {
    for (std::int64_t p = 0; p < pixels; p += lanes) {
      Float gradient[outputs];
#pragma GCC unroll 3
      for (int o = 0; o < outputs; ++o) gradient[o] = load<Float>(g + o * apart + p);
#pragma GCC unroll 6
      for (int k = 0; k < taps; ++k) {
        Float value = load<Float>(x + p + k);
        __asm__("" : "+v"(value));  // one load for all outputs: half of them cross a cache line
#pragma GCC unroll 3
        for (int o = 0; o < outputs; ++o) sum[k][o] += value * gradient[o];
      }
    }
  }
#pragma GCC unroll 6
  for (int k = 0; k < taps; ++k) {
#pragma GCC unroll 3
    for (int o = 0; o < outputs; ++o) store<Float>(part + k * step + o * lanes, sum[k][o]);
  }
}

template <int taps>
inline void multiply_outputs_of_one_channel(float* part, const float* x, std::int64_t x_line,
                                            const float* g, std::int64_t apart,
                                            const OneChannel& layout, std::int64_t lines) {
  constexpr int most = taps <= 4 ? 3 : 2;
  std::int64_t o = 0;
  for (; o + most <= layout.s.o; o += most) {
    multiply_taps_of_one_channel<taps, most>(part + o * lanes, x, x_line, g + o * apart, apart,
                                             layout, lines);
  }
  for (; o < layout.s.o; ++o) {
    multiply_taps_of_one_channel<taps, 1>(part + o * lanes, x, x_line, g + o * apart, apart, layout,
                                          lines);
  }
}

// The products of one image for all taps of row kh of the window.
inline void multiply_row_of_one_channel(float* part, const float* x, std::int64_t x_line,
                                        const float* g, std::int64_t apart,
                                        const OneChannel& layout, std::int64_t lines) {
  const std::int64_t step = layout.s.o * lanes;
  for (std::int64_t k = 0; k < layout.s.kw;) {
    const std::int64_t left = layout.s.kw - k;
    float* to = part + k * step;
    if (left >= 5) {
      multiply_outputs_of_one_channel<5>(to, x + k, x_line, g, apart, layout, lines);
    } else if (left >= 3) {
      multiply_outputs_of_one_channel<3>(to, x + k, x_line, g, apart, layout, lines);
    } else {
      multiply_outputs_of_one_channel<1>(to, x + k, x_line, g, apart, layout, lines);
    }
    k += left >= 5 ? 5 : left >= 3 ? 3 : 1;
  }
}

// turned (O, OH, pixels): g (OH, OW, O), of which `room` floats are there to be read, its channels
// first.
inline void turn_gradient(float* turned, const float* g, std::int64_t room,
                          const OneChannel& layout) {
  const DirectShape& s = layout.s;
  const std::int64_t pixels = layout.pixels(), apart = s.oh * pixels, line = s.ow * s.o;
  for (std::int64_t row = 0; row < s.oh; ++row, g += line, room -= line) {
    transpose_in(turned + row * pixels, apart, g, s.o, s.ow, s.o, room);
  }
}

// part (KH KW + 1, columns): the gradients of w and, in the last row, of the bias.
inline void weight_grad_of_one_channel(float* part, std::int64_t columns, const float* x,
                                       const float* g, const float* y, float* work,
                                       const DirectShape& s, std::int64_t begin, std::int64_t end) {
  const OneChannel layout{s};
  const std::int64_t pixels = layout.pixels(), apart = s.oh * pixels, step = s.o * lanes;
  float* image = work;
  float* turned = image + layout.image_floats();
  float* sums = turned + s.o * apart;
  float* bias = sums + s.depth() * step;
  layout.clear(image);
  const std::int64_t image_g = s.oh * s.ow * s.o;
  float* whole = bias + step;
  const AverageGrad spread(whole + image_g + lanes, s.averaged ? s.ow / 2 : 0, s.o);
  for (std::int64_t i = 0; i < (s.depth() + 1) * step; i += lanes) store<Float>(sums + i, Float{});
  for (std::int64_t n = begin; n < end; ++n) {
    layout.place(image, x + n * s.h * s.w);
    if (s.averaged) {
      // All of it first: what is just being stored is slow to read in other parts.
      spread.spread_lines<Activation::tanh>(whole, g + n * image_g / 4, y + n * image_g, s.oh / 2);
      turn_gradient(turned, whole, image_g + lanes, layout);
    } else {
      turn_gradient(turned, g + n * image_g, (s.n - n) * image_g, layout);
    }
    // The next image comes near while this one is multiplied: 903 -> 774 us for LeNet-5's first
    // layer, 128 images, one thread.
    const float* next = (s.averaged ? y : g) + (n + 1) * image_g;
    for (std::int64_t kh = 0; kh < s.kh; ++kh) {
      const TapRows rows = s.rows_of_tap(kh);
      if (n + 1 < end) prefetch(next + kh * image_g / s.kh, image_g / s.kh);
      multiply_row_of_one_channel(sums + kh * s.kw * step, image + rows.line * layout.width(),
                                  s.stride_h * layout.width(), turned + rows.first * pixels, apart,
                                  layout, rows.count);
    }
    for (std::int64_t o = 0; o < s.o; ++o) {
      const float* from = turned + o * apart;
      Float total[4] = {load<Float>(bias + o * lanes)};
      std::int64_t i = 0;
      for (; i + 4 * lanes <= apart; i += 4 * lanes) {
        for (int k = 0; k < 4; ++k) total[k] += load<Float>(from + i + k * lanes);
      }
      for (; i < apart; i += lanes) total[0] += load<Float>(from + i);
      store<Float>(bias + o * lanes, (total[0] + total[1]) + (total[2] + total[3]));
    }
  }
  for (std::int64_t row = 0; row <= s.depth(); ++row) {
    for (std::int64_t o = 0; o < columns; ++o) {
      float total = 0.0f;
      for (int lane = 0; lane < lanes && o < s.o; ++lane)
        total += sums[row * step + o * lanes + lane];
      part[row * columns + o] = total;
    }
  }
}

}  // namespace sloy::SLOY_ISA
