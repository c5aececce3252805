// The weight gradient of a convolution with few input channels: first layers.
// Compiled once per instruction set.
#pragma once

#include <cstdint>

namespace sloy {

// x (N, H, W, C), w (KH, KW, C, O), y (N, OH, OW, O); no dilation along the width, no groups.
struct DirectShape {
  std::int64_t n, h, w, c, kh, kw, o, oh, ow;
  std::int64_t stride_h, stride_w, dilation_h, top, left;

  // One image with its padding: every row and column that a window reaches.
  std::int64_t padded_h() const { return (oh - 1) * stride_h + (kh - 1) * dilation_h + 1; }
  std::int64_t padded_w() const { return (ow - 1) * stride_w + kw; }
  std::int64_t depth() const { return kh * kw * c; }
};

struct DirectKernels {
  // O rounded up to whole registers.
  std::int64_t (*padded_outputs)(std::int64_t o);
  // part (KH KW C + 1, padded O): the gradients of w and, in the last row, of the bias over the
  // images [begin, end). work: padded_h · padded_w · C + OH · OW · padded_outputs floats.
  void (*weight_grad)(float* part, const float* x, const float* g, float* work, const DirectShape&,
                      std::int64_t begin, std::int64_t end);
};

namespace baseline {
DirectKernels direct_kernels();
}
namespace avx2 {
DirectKernels direct_kernels();
}
namespace avx512 {
DirectKernels direct_kernels();
}

}  // namespace sloy
