#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "core/kernel.h"

namespace sloy {

// What is fused into a convolution or one of its gradients.
struct FusedForm {
  bool bias = false;  // y + bias; the weight gradient gives the bias's too
  // Of y, before the bias; and what is added behind it, of y's shape.
  bool scale = false, residual = false;
  std::string activation;  // of y; "" for none
  // Input gradient: where the last input, of dx's shape, is not positive, dx is 0.
  bool gated = false;
  // Weight gradient: from that of the averages of y over 2 × 2, and y = tanh, the last input.
  bool averaged = false;
  // Of y only the maxima over 2 × 2 are written, and read by the gradients, with their places.
  bool pooled = false;

  bool has_epilogue_alone() const { return !gated && !averaged && !pooled; }
  // Whether oneDNN's convolution does it: no more than bias and activation.
  bool is_plain() const {
    return has_epilogue_alone() && !scale && !residual && activation != "relu6";
  }
};

// x (N, H, W, C), w (KH, KW, C/groups, O), y (N, OH, OW, O).
struct ConvolutionShape {
  std::int64_t n, h, w, c, kh, kw, o, oh, ow, groups;
  std::array<std::int64_t, 2> stride, dilation;
  std::array<std::int64_t, 4> padding;  // top, bottom, left, right
  DType factors, result;                // of x, w and g that are multiplied; of y, dx or dw
  FusedForm form;
};

}  // namespace sloy
