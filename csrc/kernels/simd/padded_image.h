// An image and the zeros around it.
#pragma once

#include "kernels/simd/direct.h"
#include "kernels/simd/microkernel.h"

namespace sloy::SLOY_ISA {

// to (padded H, padded W, C): the image with its border of zeros, only as far as windows reach.
inline void pad_image(float* to, const float* image, const DirectShape& s) {
  const Index height = s.padded_h(), width = s.padded_w();
  for (Index row = 0; row < height; ++row) {
    const Index h = row - s.top;
    float* line = to + row * width * s.c;
    const Index first = h < 0 || h >= s.h ? width : (s.left < width ? s.left : width);
    const Index last = h < 0 || h >= s.h ? width : s.left + s.w < width ? s.left + s.w : width;
    const float* from = image + h * s.w * s.c;
    for (Index i = 0; i < first * s.c; ++i) line[i] = 0.0f;
    for (Index i = first * s.c; i < last * s.c; ++i) line[i] = from[i - s.left * s.c];
    for (Index i = last * s.c; i < width * s.c; ++i) line[i] = 0.0f;
  }
}

}  // namespace sloy::SLOY_ISA
