#include "onednn/self_check.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

namespace sloy::onednn {
namespace {

// Products summed by the expected values of one kernel, and bounds of how many values that are.
constexpr std::int64_t products = 1 << 22, fewest_samples = 16, most_samples = 512;

std::uint32_t next(std::uint32_t& seed) { return seed = seed * 1664525U + 1013904223U; }

// 64-byte aligned memory full of NaN, whether read as float32 or as bfloat16.
class Memory {
 public:
  explicit Memory(std::size_t bytes)
      : bytes_((bytes + 127) / 64 * 64),
        memory_(static_cast<std::byte*>(std::aligned_alloc(64, bytes_))) {
    if (!memory_) throw std::bad_alloc();
    std::memset(memory_.get(), 0xff, bytes_);
  }
  std::byte* data() const { return memory_.get(); }

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  std::size_t bytes_;
  std::unique_ptr<std::byte, Free> memory_;
};

// A tensor with NaN before and behind it.
class Operand {
 public:
  Operand(std::int64_t elements, DType dtype)
      : size(elements),
        dtype_(dtype),
        memory_(static_cast<std::size_t>(elements) * size_of(dtype) + 2 * margin) {}

  void* data() const { return memory_.data() + margin; }

  float at(std::int64_t i) const {
    if (dtype_ == DType::float32) return static_cast<const float*>(data())[i];
    const std::uint32_t word = static_cast<const std::uint16_t*>(data())[i];
    return std::bit_cast<float>(word << 16);
  }

  void set(std::int64_t i, float value) const {  // one that a bfloat16 holds, too
    if (dtype_ == DType::float32) {
      static_cast<float*>(data())[i] = value;
    } else {
      const auto upper = std::bit_cast<std::uint32_t>(value) >> 16;
      static_cast<std::uint16_t*>(data())[i] = static_cast<std::uint16_t>(upper);
    }
  }

  // Near the ends, which NaN beside an operand reaches.
  bool holds_nan() const {
    constexpr std::int64_t near = 1 << 16;
    for (std::int64_t i = 0; i < size; ++i) {
      if (i == near) i = std::max(near, size - near);
      if (std::isnan(at(i))) return true;
    }
    return false;
  }

  // -2, -1, 1, 2 in an order whose period fits no extent of a tensor.
  void fill(std::uint32_t seed) const {
    constexpr std::int64_t period = 8209;  // a prime
    const std::int64_t first = std::min(size, period);
    for (std::int64_t i = 0; i < first; ++i) {
      const int value = static_cast<int>(next(seed) >> 30) - 2;  // -2 … 1
      set(i, static_cast<float>(value < 0 ? value : value + 1));
    }
    auto* bytes = static_cast<std::byte*>(data());
    const std::size_t each = size_of(dtype_);
    for (std::int64_t i = first; i < size; i += first) {
      const auto n = static_cast<std::size_t>(std::min(first, size - i)) * each;
      std::memcpy(bytes + static_cast<std::size_t>(i) * each, bytes, n);
    }
  }

  DType dtype() const { return dtype_; }

  const std::int64_t size;

 private:
  static constexpr std::size_t margin = 4096;
  DType dtype_;
  Memory memory_;
};

double activated(double sum, const std::string& activation) {
  if (activation == "relu") return sum < 0.0 ? 0.0 : sum;
  if (activation == "tanh") return std::tanh(sum);
  if (activation == "sigmoid") return 1.0 / (1.0 + std::exp(-sum));
  return sum;
}

double expected_output(const ConvolutionShape& s, const Operand& x, const Operand& w,
                       const Operand& bias, std::int64_t index) {
  const std::int64_t o = index % s.o, ow = index / s.o % s.ow, oh = index / (s.o * s.ow) % s.oh;
  const std::int64_t n = index / (s.o * s.ow * s.oh), channels = s.c / s.groups;
  const std::int64_t first = o / (s.o / s.groups) * channels;
  double sum = s.form.bias ? bias.at(o) : 0.0;
  for (std::int64_t kh = 0; kh < s.kh; ++kh) {
    for (std::int64_t kw = 0; kw < s.kw; ++kw) {
      const std::int64_t h = oh * s.stride[0] - s.padding[0] + kh * s.dilation[0];
      const std::int64_t v = ow * s.stride[1] - s.padding[2] + kw * s.dilation[1];
      if (h < 0 || h >= s.h || v < 0 || v >= s.w) continue;
      for (std::int64_t c = 0; c < channels; ++c) {
        sum += x.at(((n * s.h + h) * s.w + v) * s.c + first + c) *
               w.at(((kh * s.kw + kw) * channels + c) * s.o + o);
      }
    }
  }
  return activated(sum, s.form.activation);
}

double expected_input_grad(const ConvolutionShape& s, const Operand& g, const Operand& w,
                           std::int64_t index) {
  const std::int64_t c = index % s.c, v = index / s.c % s.w, h = index / (s.c * s.w) % s.h;
  const std::int64_t n = index / (s.c * s.w * s.h), channels = s.c / s.groups;
  const std::int64_t outputs = s.o / s.groups, first = c / channels * outputs;
  double sum = 0.0;
  for (std::int64_t kh = 0; kh < s.kh; ++kh) {
    for (std::int64_t kw = 0; kw < s.kw; ++kw) {
      const std::int64_t top = h + s.padding[0] - kh * s.dilation[0];
      const std::int64_t left = v + s.padding[2] - kw * s.dilation[1];
      if (top < 0 || left < 0 || top % s.stride[0] != 0 || left % s.stride[1] != 0) continue;
      const std::int64_t oh = top / s.stride[0], ow = left / s.stride[1];
      if (oh >= s.oh || ow >= s.ow) continue;
      for (std::int64_t o = first; o < first + outputs; ++o) {
        sum += g.at(((n * s.oh + oh) * s.ow + ow) * s.o + o) *
               w.at(((kh * s.kw + kw) * channels + c % channels) * s.o + o);
      }
    }
  }
  return sum;
}

double expected_weight_grad(const ConvolutionShape& s, const Operand& x, const Operand& g,
                            std::int64_t index) {
  const std::int64_t channels = s.c / s.groups, o = index % s.o, c = index / s.o % channels;
  const std::int64_t tap = index / (s.o * channels), kh = tap / s.kw, kw = tap % s.kw;
  const std::int64_t first = o / (s.o / s.groups) * channels;
  double sum = 0.0;
  for (std::int64_t row = 0; row < s.n * s.oh; ++row) {
    const std::int64_t n = row / s.oh;
    const std::int64_t h = row % s.oh * s.stride[0] - s.padding[0] + kh * s.dilation[0];
    if (h < 0 || h >= s.h) continue;
    for (std::int64_t ow = 0; ow < s.ow; ++ow) {
      const std::int64_t v = ow * s.stride[1] - s.padding[2] + kw * s.dilation[1];
      if (v < 0 || v >= s.w) continue;
      sum += x.at(((n * s.h + h) * s.w + v) * s.c + first + c) * g.at((row * s.ow + ow) * s.o + o);
    }
  }
  return sum;
}

double expected_bias_grad(const Operand& g, std::int64_t o, std::int64_t outputs) {
  double sum = 0.0;
  for (std::int64_t i = o; i < g.size; i += outputs) sum += g.at(i);
  return sum;
}

double expected_product(const MatmulShape& s, const Operand& a, const Operand& b,
                        const Operand& bias, std::int64_t index) {
  const std::int64_t i = index / s.n, j = index % s.n;
  double sum = s.bias ? bias.at(j) : 0.0;
  for (std::int64_t k = 0; k < s.k; ++k) {
    sum += a.at(s.transpose_a ? k * s.m + i : i * s.k + k) *
           b.at(s.transpose_b ? j * s.k + k : k * s.n + j);
  }
  return activated(sum, s.activation);
}

float rounded(double value, DType dtype) {
  const auto single = static_cast<float>(value);
  if (dtype == DType::float32) return single;
  const auto bits = std::bit_cast<std::uint32_t>(single);
  return std::bit_cast<float>((bits + 0x7fffU + (bits >> 16 & 1U)) & 0xffff0000U);
}

// Elements of a result: the first, the last, then others, many of them at the end of an axis.
template <std::size_t rank>
std::int64_t sample(const std::array<std::int64_t, rank>& extents, std::int64_t number,
                    std::uint32_t& seed) {
  std::int64_t index = 0;
  for (const std::int64_t extent : extents) {
    const std::uint32_t choice = next(seed) >> 30;
    const std::int64_t inside = (next(seed) >> 8) % static_cast<std::uint32_t>(extent);
    const bool begin = number == 0 || (number > 1 && choice == 0);
    const bool end = number == 1 || (number > 1 && choice == 1);
    index = index * extent + (begin ? 0 : end ? extent - 1 : inside);
  }
  return index;
}

// `length`: products in one element. Sums are exact; tanh and the logistic function are not, and
// may be rounded to the neighbour.
template <std::size_t rank, class Expected>
bool agrees(const Operand& result, const std::array<std::int64_t, rank>& extents,
            std::int64_t length, bool exact, Expected expected) {
  if (result.size == 0) return true;
  if (result.holds_nan()) return false;
  const bool narrow = result.dtype() == DType::bfloat16;
  const float slack = exact ? 0.0f : narrow ? 0x1p-7f : 1e-4f;  // all are at most 1 in size
  const std::int64_t samples =
      std::clamp(products / std::max<std::int64_t>(length, 1), fewest_samples, most_samples);
  std::uint32_t seed = 7;
  for (std::int64_t k = 0; k < samples; ++k) {
    const std::int64_t index = sample(extents, k, seed);
    const float wanted = rounded(expected(index), result.dtype());
    if (!(std::fabs(result.at(index) - wanted) <= slack)) return false;
  }
  return true;
}

bool is_exact(const std::string& activation) { return activation.empty() || activation == "relu"; }

void run(Kernel& kernel, const std::vector<const Operand*>& inputs,
         const std::vector<const Operand*>& outputs) {
  const Memory scratch(kernel.scratch_bytes());
  Addresses addresses;
  for (const Operand* input : inputs) addresses.inputs.push_back(input->data());
  for (const Operand* output : outputs) addresses.outputs.push_back(output->data());
  addresses.scratch = scratch.data();
  kernel.bind(addresses);
  kernel.run();
}

std::int64_t size_of_x(const ConvolutionShape& s) { return s.n * s.h * s.w * s.c; }
std::int64_t size_of_y(const ConvolutionShape& s) { return s.n * s.oh * s.ow * s.o; }
std::int64_t size_of_w(const ConvolutionShape& s) { return s.kh * s.kw * s.c / s.groups * s.o; }

}  // namespace

bool convolution_is_right(Kernel& kernel, const ConvolutionShape& s) {
  const Operand x(size_of_x(s), s.factors), w(size_of_w(s), s.factors);
  const Operand bias(s.o, DType::float32), y(size_of_y(s), s.result);
  x.fill(1), w.fill(2), bias.fill(3);
  run(kernel, {&x, &w, &bias}, {&y});
  return agrees(y, std::array{s.n, s.oh, s.ow, s.o}, s.kh * s.kw * s.c / s.groups,
                is_exact(s.form.activation),
                [&](std::int64_t index) { return expected_output(s, x, w, bias, index); });
}

bool input_grad_is_right(Kernel& kernel, const ConvolutionShape& s) {
  const Operand g(size_of_y(s), s.factors), w(size_of_w(s), s.factors);
  const Operand dx(size_of_x(s), s.result);
  g.fill(1), w.fill(2);
  run(kernel, {&g, &w}, {&dx});
  return agrees(dx, std::array{s.n, s.h, s.w, s.c}, s.kh * s.kw * s.o / s.groups, true,
                [&](std::int64_t index) { return expected_input_grad(s, g, w, index); });
}

bool weight_grad_is_right(Kernel& kernel, const ConvolutionShape& s) {
  const Operand x(size_of_x(s), s.factors), g(size_of_y(s), s.factors);
  const Operand dw(size_of_w(s), s.result), db(s.o, DType::float32);
  x.fill(1), g.fill(2);
  run(kernel, {&x, &g}, {&dw, &db});
  const std::int64_t length = s.n * s.oh * s.ow;
  return agrees(dw, std::array{s.kh, s.kw, s.c / s.groups, s.o}, length, true,
                [&](std::int64_t index) { return expected_weight_grad(s, x, g, index); }) &&
         (!s.form.bias || agrees(db, std::array{s.o}, length, true,
                                 [&](std::int64_t o) { return expected_bias_grad(g, o, s.o); }));
}

bool matmul_is_right(Kernel& kernel, const MatmulShape& s) {
  const Operand a(s.m * s.k, s.factors), b(s.k * s.n, s.factors);
  const Operand bias(s.n, DType::float32), y(s.m * s.n, s.result);
  a.fill(1), b.fill(2), bias.fill(3);
  run(kernel, {&a, &b, &bias}, {&y});
  return agrees(y, std::array{s.m, s.n}, s.k, is_exact(s.activation),
                [&](std::int64_t index) { return expected_product(s, a, b, bias, index); });
}

}  // namespace sloy::onednn
