#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace sloy {

// x (N, H, W, C), w (KH, KW, C/groups, O), y (N, OH, OW, O).
struct ConvolutionShape {
  std::int64_t n, h, w, c, kh, kw, o, oh, ow, groups;
  std::array<std::int64_t, 2> stride, dilation;
  std::array<std::int64_t, 4> padding;  // top, bottom, left, right
  bool bias;
  std::string activation;
  // Weight gradient: from that of the averages of y over 2 × 2, and y = tanh.
  bool averaged = false;
  // Of y only the maxima over 2 × 2 are written, and read by the gradients, with their places.
  bool pooled = false;
};

}  // namespace sloy
