// Pooling over dense NHWC, one range of rows per call; compiled once per instruction set.
#pragma once

#include <cstdint>

namespace sloy {

// x (N, H, W, C), y (N, OH, OW, C).
struct PoolShape {
  std::int64_t n, h, w, c, oh, ow;
  std::int64_t window_h, window_w, stride_h, stride_w;
  std::int64_t top, left;  // padding before the first row and column
  bool count_padding;      // average: divide by the whole window
  bool relu;               // max gradient: x came out of a ReLU whose gradient is applied too

  // Windows of 2 × 2 that tile x without gaps or padding.
  bool tiles() const {
    return window_h == 2 && window_w == 2 && stride_h == 2 && stride_w == 2 && top == 0 &&
           left == 0 && h == 2 * oh && w == 2 * ow;
  }
};

// A row is an (image, row) pair: [begin, end) of N·OH for outputs, of N·H for inputs.
// `line` holds W·C (forward) or OW·C (average gradient) floats of one thread's scratch.
template <class T>  // float, or std::uint16_t for bfloat16
struct MaxPoolKernels {
  void (*max)(T* y, const T* x, T* line, const PoolShape&, std::int64_t begin, std::int64_t end);
  // For `tiles`. Rows of y.
  void (*max_grad_tiles)(T* dx, const T* x, const T* y, const T* g, const PoolShape&,
                         std::int64_t begin, std::int64_t end);
  // Any windows (in bfloat16, such as do not overlap: nothing is added), in two steps: the tap
  // (row-major in the window) of the first maximum, then the sum of the gradients of all windows
  // over each element. first (N, OH, OW, C).
  void (*first_maximum)(std::int32_t* first, const T* x, const T* y, const PoolShape&,
                        std::int64_t begin, std::int64_t end);
  void (*max_grad)(T* dx, const std::int32_t* first, const T* y, const T* g, const PoolShape&,
                   std::int64_t begin, std::int64_t end);
};

struct PoolKernels {
  MaxPoolKernels<float> max_float32;
  MaxPoolKernels<std::uint16_t> max_bfloat16;
  void (*average)(float* y, const float* x, float* line, const PoolShape&, std::int64_t begin,
                  std::int64_t end);
  void (*average_grad)(float* dx, const float* g, float* line, const PoolShape&, std::int64_t begin,
                       std::int64_t end);
  // For `tiles`. Rows of g; work: 2 W C floats. With y (N, H, W, C), the tanh that was averaged,
  // the gradient before it; else y is null.
  void (*average_grad_tiles)(float* dx, const float* g, const float* y, float* work,
                             const PoolShape&, std::int64_t begin, std::int64_t end);
};

namespace baseline {
PoolKernels pool_kernels();
}
namespace avx2 {
PoolKernels pool_kernels();
}
namespace avx512 {
PoolKernels pool_kernels();
}

}  // namespace sloy
