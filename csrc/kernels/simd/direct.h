// The weight gradient of a convolution with few input channels: first layers.
// Compiled once per instruction set.
#pragma once

#include <cstdint>

namespace sloy {

// Lines of one tensor that meet those of another: `count` from `first` on; the first meets line
// `line`.
struct TapRows {
  std::int64_t first, count, line;
};

// x (N, H, W, C), w (KH, KW, C, O), y (N, OH, OW, O); no dilation along the width, no groups.
struct DirectShape {
  std::int64_t n, h, w, c, kh, kw, o, oh, ow;
  std::int64_t stride_h, stride_w, dilation_h, top, left;
  bool averaged = false;  // weight gradient: y, a tanh, went into averages over tiles of 2 × 2
  bool pooled = false;  // only the maxima of y over tiles of 2 × 2 are written, and have gradients

  // One image with its padding: every row and column that a window reaches.
  std::int64_t padded_h() const { return (oh - 1) * stride_h + (kh - 1) * dilation_h + 1; }
  std::int64_t padded_w() const { return (ow - 1) * stride_w + kw; }
  std::int64_t depth() const { return kh * kw * c; }

  // The rows of the window that lie inside x at line `row` of y; `line`: of x.
  TapRows tap_rows(std::int64_t row) const {
    const std::int64_t start = row * stride_h - top;
    const std::int64_t first = start < 0 ? (-start + dilation_h - 1) / dilation_h : 0;
    const std::int64_t inside = h > start ? (h - start + dilation_h - 1) / dilation_h : 0;
    const std::int64_t last = inside < kh ? inside : kh;
    return first < last ? TapRows{first, last - first, start + first * dilation_h}
                        : TapRows{0, 0, 0};
  }
  // The lines of y at which row `tap` of the window lies inside x; `line`: of x.
  TapRows rows_of_tap(std::int64_t tap) const {
    const std::int64_t start = tap * dilation_h - top;
    const std::int64_t first = start < 0 ? (-start + stride_h - 1) / stride_h : 0;
    const std::int64_t inside = h > start ? (h - start + stride_h - 1) / stride_h : 0;
    const std::int64_t last = inside < oh ? inside : oh;
    return first < last ? TapRows{first, last - first, start + first * stride_h} : TapRows{0, 0, 0};
  }
};

// Of y; or of the averages of y over tiles, with y; or of the maxima of its tiles, each with its
// place, 0 to 3 row by row. What is not there is null.
struct DirectGradient {
  const float* values;
  const float* averaged = nullptr;
  const std::uint8_t* places = nullptr;
};

struct DirectKernels {
  // O rounded up to whole registers.
  std::int64_t (*padded_outputs)(std::int64_t o);
  // Floats of working memory that each thread needs.
  std::int64_t (*work_floats)(const DirectShape&);
  // part (KH KW C + 1, padded O): the gradients of w and, in the last row, of the bias over the
  // images [begin, end).
  void (*weight_grad)(float* part, const float* x, DirectGradient, float* work, const DirectShape&,
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
