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
  // to (KH, KW, C, padded O): w, padded with zeros.
  void (*pack)(float* to, const float* w, const DirectShape&);
  // Images [begin, end) of y: x correlated with the packed weights, plus bias (O,) or null,
  // activated.
  void (*correlate)(float* y, const float* x, const float* packed, const float* bias, Activation,
                    float* work, const DirectShape&, std::int64_t begin, std::int64_t end);

  // KH · KW · C rounded up to whole registers.
  std::int64_t (*padded_depth)(const DirectShape&);
  std::int64_t (*spread_work_floats)(const DirectShape&);
  // to (O, padded KH KW C) in panels: w with its channels exchanged.
  void (*pack_exchanged)(float* to, const float* w, const DirectShape&);
  // Images [begin, end) of dx: each pixel of g times the packed weights, added where its window
  // lies.
  void (*spread)(float* dx, const float* g, const float* packed, float* work, const DirectShape&,
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
