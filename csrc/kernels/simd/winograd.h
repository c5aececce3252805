// 3 × 3 convolution, stride 1, by Winograd's minimal filtering F(2×2, 3×3): 16 multiplications
// where the definition needs 36 (A. Lavin, S. OneChannel, "Fast algorithms for convolutional neural
// networks", 2016). Compiled once per instruction set.
#pragma once

#include <cstdint>

#include "kernels/ending.h"

namespace sloy {

// x (N, H, W, C), w (3, 3, C, O), y (N, OH, OW, O). A tile is 2 × 2 outputs; tiles are counted over
// (image, tile row, tile column). C and O are multiples of a register's floats.
struct WinogradShape {
  std::int64_t n, h, w, c, oh, ow, o;
  std::int64_t top, left;
  std::int64_t block;  // most tiles that are transformed before they are multiplied
  bool pools = false;  // y is the maxima of the tiles alone: (N, OH/2, OW/2, O), OH and OW even
  std::int64_t tiles() const { return n * ((oh + 1) / 2) * ((ow + 1) / 2); }
  std::int64_t weight_floats() const { return 16 * c * o; }
  // From one of the 16 matrices of a block to the next: an odd number of cache lines, so that the
  // places written together lie in different sets of the first-level cache.
  std::int64_t input_stride() const { return odd_lines(block * c); }
  std::int64_t output_stride() const { return odd_lines(block * o); }
  std::int64_t work_floats() const {  // of one thread
    return 16 * (input_stride() + output_stride()) + c;
  }
  static std::int64_t odd_lines(std::int64_t floats) { return ((floats + 15) / 16 | 1) * 16; }
};

// An image (N, H, W, C). With `places` the gradient of a max-pooling over tiles of 2 × 2: of each,
// `values` has the only element that is not 0, `places` where it stands, 0 to 3 row by row; both
// (N, H/2, W/2, C), H and W even.
struct WinogradImage {
  const float* values;
  const std::uint8_t* places = nullptr;
};

struct WinogradKernels {
  // u: 16 matrices (C, O) in panels, from w; input channels [begin, end).
  void (*transform_weights)(float* u, const float* w, const WinogradShape&, std::int64_t begin,
                            std::int64_t end);
  // The same for the gradient of the input, which is a convolution of g with w turned by 180° and
  // its channels exchanged; `shape` is that convolution's: w is (3, 3, O, C). `begin` and `end` are
  // multiples of 16.
  void (*transform_turned_weights)(float* u, const float* w, const WinogradShape&,
                                   std::int64_t begin, std::int64_t end);
  // y = x * w and its ending for the tiles [begin, end). Where y is pooled,
  // places, which may be null, say where in its tile the first maximum stands, a NaN being one;
  // else y is 0 where `gate`, which may be null, of its shape, is not positive.
  void (*forward)(float* y, std::uint8_t* places, WinogradImage x, const float* u, const Ending&,
                  const float* gate, float* work, const WinogradShape&, std::int64_t begin,
                  std::int64_t end);
  // du: 16 matrices (C, O), the sum over the tiles [begin, end); db (O,), their sum of g, or null.
  void (*weight_grad)(float* du, float* db, const float* x, WinogradImage g, float* work,
                      const WinogradShape&, std::int64_t begin, std::int64_t end);
  // dw from `parts` of du that lie `stride` floats apart, summed in order; input channels [begin,
  // end).
  void (*finish_weight_grad)(float* dw, const float* du, int parts, std::int64_t stride,
                             const WinogradShape&, std::int64_t begin, std::int64_t end);
};

namespace baseline {
WinogradKernels winograd_kernels();
}
namespace avx2 {
WinogradKernels winograd_kernels();
}
namespace avx512 {
WinogradKernels winograd_kernels();
}

}  // namespace sloy
