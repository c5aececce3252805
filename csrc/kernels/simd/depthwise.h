// Convolution of every channel by itself, over lines of an image. Compiled once per instruction
// set.
#pragma once

#include <cstdint>

namespace sloy {

inline constexpr std::int64_t most_depthwise_taps = 7;

// A line of an image that a line of the result reads, and its weights (taps, C).
struct DepthwiseLine {
  const float* x;
  const float* w;
};

// Elements first, first + step … of a line of the result, `count` of them; element j reads the
// pixels j * stride + start and the `taps` - 1 behind it, as far as they lie within `width`.
struct DepthwiseColumns {
  std::int64_t first, step, count, stride, start, taps, width;
};

// What is made of the sums: times scale, plus bias, each (C,) or null, held between two numbers.
struct DepthwiseEnd {
  const float *scale, *bias;
  float low, high;
};

struct DepthwiseKernels {
  std::int64_t lanes;
  // Channels [begin, end) of such elements of y (…, C): the sums over `count` lines.
  void (*forward)(float* y, const DepthwiseLine* lines, std::int64_t count, const DepthwiseColumns&,
                  std::int64_t channels, std::int64_t begin, std::int64_t end, DepthwiseEnd);
  // to (count, taps, vectors, lanes) += the products of lines x with the elements of the line g,
  // where the last vector holds the last channels, whether or not others hold them too.
  void (*weight_grad)(float* to, const float* const* x, std::int64_t count, const float* g,
                      const DepthwiseColumns&, std::int64_t channels);
  // to (vectors, lanes) += the sum of the elements of the line g.
  void (*bias_grad)(float* to, const float* g, std::int64_t count, std::int64_t channels);
};

namespace baseline {
DepthwiseKernels depthwise_kernels();
}
namespace avx2 {
DepthwiseKernels depthwise_kernels();
}
namespace avx512 {
DepthwiseKernels depthwise_kernels();
}

}  // namespace sloy
