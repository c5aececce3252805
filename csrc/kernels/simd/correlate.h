// Convolution of images with few channels, whose patches are read where they lie, and its input
// gradient. Compiled once per instruction set.
#pragma once

#include <cstdint>

#include "kernels/activation.h"
#include "kernels/simd/direct.h"

namespace sloy {

struct CorrelateKernels {
  // O rounded up to whole registers.
  std::int64_t (*padded_outputs)(std::int64_t o);
  // Floats of working memory that each thread needs.
  std::int64_t (*work_floats)(const DirectShape&);
  // to (KH, KW, C, at most padded O): w as `correlate` reads it.
  void (*pack)(float* to, const float* w, const DirectShape&);
  // Images [begin, end) of y: x correlated with the packed weights, plus bias (O,) or null,
  // activated. `pooled`: y (N, OH/2, OW/2, O) is the maxima alone, and `places`, if it is not null,
  // says where in its tile each first one stands, as max_pool2d_grad has it.
  void (*correlate)(float* y, std::uint8_t* places, const float* x, const float* packed,
                    const float* bias, Activation, float* work, const DirectShape&,
                    std::int64_t begin, std::int64_t end);

  // KW · C rounded up to whole registers.
  std::int64_t (*padded_taps)(const DirectShape&);
  std::int64_t (*gather_work_floats)(const DirectShape&);
  // to (KH, O, padded KW C): w with its channels exchanged.
  void (*pack_exchanged)(float* to, const float* w, const DirectShape&);
  // Images [begin, end) of dx: the sums over all windows that cover a pixel.
  void (*gather)(float* dx, const float* g, const float* packed, float* work, const DirectShape&,
                 std::int64_t begin, std::int64_t end);
};

namespace baseline {
CorrelateKernels correlate_kernels();
}
namespace avx2 {
CorrelateKernels correlate_kernels();
}
namespace avx512 {
CorrelateKernels correlate_kernels();
}

}  // namespace sloy
