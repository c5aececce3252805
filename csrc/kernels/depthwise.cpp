#include "kernels/depthwise.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string_view>

#include "core/parallel.h"
#include "kernels/pick_isa.h"
#include "kernels/product_form.h"
#include "kernels/simd/depthwise.h"

namespace sloy {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr std::int64_t worth_a_barrier = 200'000;  // multiply-adds
constexpr std::int64_t most_lines = DepthwiseLines::most_lines;
constexpr std::int64_t channels_together = 256;  // of a piece of work

// Lines of the result that a thread does alone rather than waking others.
std::int64_t serial_lines(const ConvolutionShape& s, std::int64_t lines, std::int64_t pieces) {
  const std::int64_t work = s.n * s.oh * s.ow * s.kh * s.kw * s.c;
  return work < worth_a_barrier ? lines * pieces + 1 : 2;
}

// A convolution as sums over lines; the gradient by the input too, whose columns are those of as
// many convolutions of g as the stride is wide, each with some of the taps.
class Depthwise : public Kernel {
 public:
  Depthwise(const ConvolutionShape& s, std::int64_t height, const Options& options)
      : s_(s),
        height_(height),
        pieces_((s.c + channels_together - 1) / channels_together),
        threads_(options.threads),
        kernels_(SLOY_PICK_VECTOR_ISA(depthwise_kernels)()) {}

  bool any_threads() const override { return true; }
  void bind(const Addresses& addresses) override { addresses_ = addresses; }

 protected:
  // Runs body(image, line, channels) for all lines of the result and all pieces of the channels.
  template <class Body>
  void for_each_line(Body&& body) const {
    const std::int64_t lines = s_.n * height_;
    parallel_for(threads_, lines * pieces_, serial_lines(s_, lines, pieces_), 1,
                 [&](int, Range range) {
                   for (std::int64_t i = range.begin; i < range.end; ++i) {
                     const std::int64_t line = i / pieces_, piece = i % pieces_;
                     const std::int64_t begin = piece * channels_together;
                     body(line / height_, line % height_,
                          Range{begin, std::min(begin + channels_together, s_.c)});
                   }
                 });
  }

  ConvolutionShape s_;
  std::int64_t height_, pieces_;
  int threads_;
  DepthwiseKernels kernels_;
  Addresses addresses_;
};

class DepthwiseConvolution final : public Depthwise {
 public:
  DepthwiseConvolution(const ConvolutionShape& s, const Options& options)
      : Depthwise(s, s.oh, options), lines_(s) {}

  void bind(const Addresses& addresses) override {
    Depthwise::bind(addresses);
    lines_.bind(static_cast<const float*>(addresses.inputs[1]),
                ending_of(product_form_of(s_.form), addresses.inputs));
  }

  void run() override {
    const auto* x = static_cast<const float*>(addresses_.inputs[0]);
    auto* y = static_cast<float*>(addresses_.outputs[0]);
    for_each_line([&](std::int64_t image, std::int64_t row, Range channels) {
      lines_.compute(y + (image * s_.oh + row) * s_.ow * s_.c, row, channels,
                     [&](std::int64_t h) { return x + (image * s_.h + h) * s_.w * s_.c; });
    });
  }

 private:
  DepthwiseLines lines_;
};

// Scratch: the weights, in each line the taps of the first columns, of the second …, each backward.
class DepthwiseInputGrad final : public Depthwise {
 public:
  DepthwiseInputGrad(const ConvolutionShape& s, const Options& options)
      : Depthwise(s, s.h, options) {}

  std::size_t scratch_bytes() const override {
    return static_cast<std::size_t>(s_.kh * s_.kw * s_.c) * sizeof(float);
  }

  void run() override {
    const auto* g = static_cast<const float*>(addresses_.inputs[0]);
    auto* dx = static_cast<float*>(addresses_.outputs[0]);
    turn_weights();
    for_each_line([&](std::int64_t image, std::int64_t row, Range channels) {
      float* line = dx + (image * s_.h + row) * s_.w * s_.c;
      std::int64_t turned = 0;  // taps of the columns before
      for (std::int64_t r = 0; r < std::min(s_.stride[1], s_.w); ++r) {
        const DepthwiseColumns columns = columns_of(r);
        write_columns(line, g + image * s_.oh * s_.ow * s_.c, row, turned, columns, channels);
        turned += columns.taps;
      }
    });
  }

 private:
  // The first tap that reaches columns r, r + stride …; where there is none, kw.
  std::int64_t first_tap(std::int64_t r) const {
    return std::min((r + s_.padding[2]) % s_.stride[1], s_.kw);
  }

  DepthwiseColumns columns_of(std::int64_t r) const {
    const std::int64_t stride = s_.stride[1], first = first_tap(r);
    const std::int64_t taps = (s_.kw - first + stride - 1) / stride;
    const std::int64_t start = (r + s_.padding[2] - first) / stride - (taps - 1);
    return {r, stride, (s_.w - r + stride - 1) / stride, 1, start, taps, s_.ow};
  }

  void turn_weights() {
    const auto* w = static_cast<const float*>(addresses_.inputs[1]);
    auto* to = static_cast<float*>(addresses_.scratch);
    for (std::int64_t k = 0; k < s_.kh; ++k) {
      std::int64_t at = k * s_.kw;
      for (std::int64_t r = 0; r < std::min(s_.stride[1], s_.w); ++r) {
        const DepthwiseColumns columns = columns_of(r);
        for (std::int64_t t = columns.taps; t-- > 0; ++at) {
          std::memcpy(to + at * s_.c, w + (k * s_.kw + first_tap(r) + t * s_.stride[1]) * s_.c,
                      static_cast<std::size_t>(s_.c) * sizeof(float));
        }
      }
    }
  }

  void write_columns(float* line, const float* g, std::int64_t row, std::int64_t turned,
                     const DepthwiseColumns& columns, Range channels) const {
    const auto* w = static_cast<const float*>(addresses_.scratch);
    std::array<DepthwiseLine, most_lines> lines;
    std::int64_t count = 0;
    for (std::int64_t k = 0; k < s_.kh && columns.taps > 0; ++k) {
      const std::int64_t below = row + s_.padding[0] - k;
      if (below < 0 || below % s_.stride[0] != 0 || below / s_.stride[0] >= s_.oh) continue;
      lines[static_cast<std::size_t>(count++)] = {g + below / s_.stride[0] * s_.ow * s_.c,
                                                  w + (k * s_.kw + turned) * s_.c};
    }
    DepthwiseColumns within = columns;
    within.taps = std::max<std::int64_t>(columns.taps, 1);
    kernels_.forward(line, lines.data(), count, within, s_.c, channels.begin, channels.end,
                     {nullptr, nullptr, -infinity, infinity});
  }
};

// Scratch: for each part of the lines dw and db, in whole vectors; the parts do not depend on the
// number of threads.
class DepthwiseWeightGrad final : public Kernel {
 public:
  DepthwiseWeightGrad(const ConvolutionShape& s, const Options& options)
      : s_(s),
        threads_(options.threads),
        kernels_(SLOY_PICK_VECTOR_ISA(depthwise_kernels)()),
        vectors_((s.c + kernels_.lanes - 1) / kernels_.lanes),
        parts_(static_cast<int>(
            std::clamp<std::int64_t>(s.n * s.oh * s.ow * s.kh * s.kw * s.c / worth_a_barrier, 1,
                                     std::min<std::int64_t>(most_parts, s.n * s.oh)))) {}

  std::size_t scratch_bytes() const override {
    return static_cast<std::size_t>(parts_ * part_floats()) * sizeof(float);
  }
  bool any_threads() const override { return true; }
  void bind(const Addresses& addresses) override { addresses_ = addresses; }

  void run() override {
    auto* parts = static_cast<float*>(addresses_.scratch);
    for_each_part(threads_, parts_, s_.n * s_.oh, 1, [&](int, int part, Range lines) {
      float* to = parts + part * part_floats();
      std::fill_n(to, part_floats(), 0.0f);
      for (std::int64_t line = lines.begin; line < lines.end; ++line) add_line(to, line);
    });
    for (std::int64_t tap = 0; tap < s_.kh * s_.kw; ++tap) {
      add_parts(static_cast<float*>(addresses_.outputs[0]) + tap * s_.c,
                parts + tap * row_floats());
    }
    if (s_.form.bias) {
      add_parts(static_cast<float*>(addresses_.outputs[1]), parts + s_.kh * s_.kw * row_floats());
    }
  }

 private:
  static constexpr std::int64_t most_parts = 32;

  std::int64_t row_floats() const { return vectors_ * kernels_.lanes; }
  std::int64_t part_floats() const { return (s_.kh * s_.kw + 1) * row_floats(); }

  void add_line(float* to, std::int64_t line) const {
    const std::int64_t image = line / s_.oh, row = line % s_.oh;
    const auto* x = static_cast<const float*>(addresses_.inputs[0]) + image * s_.h * s_.w * s_.c;
    const auto* g = static_cast<const float*>(addresses_.inputs[1]) + line * s_.ow * s_.c;
    const DepthwiseColumns columns{0, 1, s_.ow, s_.stride[1], -s_.padding[2], s_.kw, s_.w};
    const std::int64_t top = row * s_.stride[0] - s_.padding[0];
    const std::int64_t first = std::max<std::int64_t>(-top, 0);
    const std::int64_t last = std::min(s_.h - top, s_.kh);
    std::array<const float*, most_lines> lines;
    for (std::int64_t k = first; k < last; ++k) {
      lines[static_cast<std::size_t>(k - first)] = x + (top + k) * s_.w * s_.c;
    }
    if (first < last) {
      kernels_.weight_grad(to + first * s_.kw * row_floats(), lines.data(), last - first, g,
                           columns, s_.c);
    }
    if (s_.form.bias) kernels_.bias_grad(to + s_.kh * s_.kw * row_floats(), g, s_.ow, s_.c);
  }

  // to (C,): one row of all parts, in their order.
  void add_parts(float* to, const float* row) const {
    for (std::int64_t c = 0; c < s_.c; ++c) {
      const std::int64_t vector = c / kernels_.lanes;
      const std::int64_t first = std::min(vector * kernels_.lanes, s_.c - kernels_.lanes);
      const std::int64_t at = vector * kernels_.lanes + c - first;
      float sum = 0.0f;
      for (int p = 0; p < parts_; ++p) sum += row[p * part_floats() + at];
      to[c] = sum;
    }
  }

  ConvolutionShape s_;
  int threads_;
  DepthwiseKernels kernels_;
  std::int64_t vectors_;
  int parts_;
  Addresses addresses_;
};

template <class DepthwiseKernel>
std::unique_ptr<Kernel> make(const ConvolutionShape& s, const Options& options) {
  return suits_depthwise(s) && !s.form.residual ? std::make_unique<DepthwiseKernel>(s, options)
                                                : nullptr;
}

}  // namespace

bool suits_depthwise(const ConvolutionShape& s) {
  if (s.factors != DType::float32 || s.result != DType::float32 || !s.form.has_epilogue_alone() ||
      std::string_view(simd::table().name) == "baseline") {
    return false;
  }
  return s.groups == s.c && s.o == s.c && s.dilation[0] == 1 && s.dilation[1] == 1 &&
         s.kw <= most_depthwise_taps && s.kh <= most_lines &&
         s.c >= SLOY_PICK_VECTOR_ISA(depthwise_kernels)().lanes;
}

DepthwiseLines::DepthwiseLines(const ConvolutionShape& s)
    : s_(s), kernels_(SLOY_PICK_VECTOR_ISA(depthwise_kernels)()) {}

void DepthwiseLines::compute(float* y, const DepthwiseLine* lines, std::int64_t count,
                             Range channels) const {
  const DepthwiseColumns columns{0, 1, s_.ow, s_.stride[1], -s_.padding[2], s_.kw, s_.w};
  const Activation activation = ending_.activation;
  const bool positive = activation == Activation::relu || activation == Activation::relu6;
  const float low = positive ? 0.0f : -infinity;
  const float high = activation == Activation::relu6 ? 6.0f : infinity;
  kernels_.forward(y, lines, count, columns, s_.c, channels.begin, channels.end,
                   {ending_.scale, ending_.bias, low, high});
  if (activation == Activation::tanh || activation == Activation::sigmoid) activate(y, channels);
}

void DepthwiseLines::activate(float* y, Range channels) const {
  const auto opcode =
      ending_.activation == Activation::tanh ? simd::Opcode::tanh_f : simd::Opcode::sigmoid_f;
  const simd::Loop loop = simd::table().loops[static_cast<int>(opcode)][0];
  constexpr std::int64_t most = simd::most_lanes;
  for (std::int64_t column = 0; column < s_.ow; ++column) {
    for (std::int64_t c = channels.begin; c < channels.end; c += most) {
      float few[most] = {};
      float* at = y + column * s_.c + c;
      const std::int64_t n = std::min(channels.end - c, most);
      std::copy_n(at, n, few);
      const void* in[3] = {few, nullptr, nullptr};
      loop(few, in, most);
      std::copy_n(few, n, at);
    }
  }
}

std::unique_ptr<Kernel> make_depthwise_convolution(const ConvolutionShape& s,
                                                   const Options& options) {
  return make<DepthwiseConvolution>(s, options);
}

std::unique_ptr<Kernel> make_depthwise_input_grad(const ConvolutionShape& s,
                                                  const Options& options) {
  return make<DepthwiseInputGrad>(s, options);
}

std::unique_ptr<Kernel> make_depthwise_weight_grad(const ConvolutionShape& s,
                                                   const Options& options) {
  return make<DepthwiseWeightGrad>(s, options);
}

}  // namespace sloy
