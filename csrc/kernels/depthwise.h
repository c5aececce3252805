// Kernels for convolutions of every channel by itself.
#pragma once

#include <algorithm>
#include <array>
#include <memory>

#include "core/convolution_shape.h"
#include "core/kernel.h"
#include "core/parallel.h"
#include "kernels/ending.h"
#include "kernels/simd/depthwise.h"

namespace sloy {

// Whether the kernels of this file are for such a shape.
bool suits_depthwise(const ConvolutionShape&);

// A convolution of every channel by itself, a line of its result at a time.
class DepthwiseLines {
 public:
  explicit DepthwiseLines(const ConvolutionShape&);

  // Weights (KH, KW, C); of the ending no residual.
  void bind(const float* weights, const Ending& ending) {
    weights_ = weights;
    ending_ = ending;
  }

  // Channels of line `row` of the result, y (OW, C); line_of(h) points to line h of x (W, C).
  template <class LineOf>
  void compute(float* y, std::int64_t row, Range channels, LineOf&& line_of) const {
    const std::int64_t top = row * s_.stride[0] - s_.padding[0];
    std::array<DepthwiseLine, most_lines> lines;
    std::int64_t count = 0;
    for (std::int64_t k = std::max<std::int64_t>(-top, 0); k < std::min(s_.kh, s_.h - top); ++k) {
      lines[static_cast<std::size_t>(count++)] = {line_of(top + k), weights_ + k * s_.kw * s_.c};
    }
    compute(y, lines.data(), count, channels);
  }

  static constexpr std::int64_t most_lines = 16;  // of a window

 private:
  void compute(float* y, const DepthwiseLine* lines, std::int64_t count, Range channels) const;
  void activate(float* y, Range channels) const;

  ConvolutionShape s_;
  DepthwiseKernels kernels_;
  const float* weights_ = nullptr;
  Ending ending_;
};

// Null where another implementation is to be taken: several channels in a group, dilation, windows
// wider than 7, fewer channels than a register holds. Of what is fused, bias and activation alone
// are done here.
std::unique_ptr<Kernel> make_depthwise_convolution(const ConvolutionShape&, const Options&);
std::unique_ptr<Kernel> make_depthwise_input_grad(const ConvolutionShape&, const Options&);
std::unique_ptr<Kernel> make_depthwise_weight_grad(const ConvolutionShape&, const Options&);

}  // namespace sloy
