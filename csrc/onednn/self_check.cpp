#include "onednn/self_check.h"

#include <cmath>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

namespace sloy::onednn {
namespace {

constexpr std::int64_t samples = 512;

class Memory {
 public:
  explicit Memory(std::size_t bytes)
      : memory_(static_cast<float*>(std::aligned_alloc(64, (bytes + 127) / 64 * 64))) {
    if (!memory_) throw std::bad_alloc();
  }
  float* data() const { return memory_.get(); }

 private:
  struct Free {
    void operator()(float* memory) const { std::free(memory); }
  };
  std::unique_ptr<float, Free> memory_;
};

struct Operand {
  explicit Operand(std::int64_t elements)
      : memory(static_cast<std::size_t>(elements) * sizeof(float)), size(elements) {}
  Memory memory;
  std::int64_t size;
};

// -2, -1, 1, 2 in an order without a short period.
void fill(const Operand& operand, std::uint32_t seed) {
  for (std::int64_t i = 0; i < operand.size; ++i) {
    seed = seed * 1664525U + 1013904223U;
    const int value = static_cast<int>(seed >> 30) - 2;  // -2 … 1
    operand.memory.data()[i] = static_cast<float>(value < 0 ? value : value + 1);
  }
}

float expected_output(const ConvolutionShape& s, const float* x, const float* w, const float* bias,
                      std::int64_t index) {
  const std::int64_t o = index % s.o, ow = index / s.o % s.ow, oh = index / (s.o * s.ow) % s.oh;
  const std::int64_t n = index / (s.o * s.ow * s.oh), channels = s.c / s.groups;
  const std::int64_t first = o / (s.o / s.groups) * channels;
  float sum = bias != nullptr ? bias[o] : 0.0f;
  for (std::int64_t kh = 0; kh < s.kh; ++kh) {
    for (std::int64_t kw = 0; kw < s.kw; ++kw) {
      const std::int64_t h = oh * s.stride[0] - s.padding[0] + kh * s.dilation[0];
      const std::int64_t v = ow * s.stride[1] - s.padding[2] + kw * s.dilation[1];
      if (h < 0 || h >= s.h || v < 0 || v >= s.w) continue;
      for (std::int64_t c = 0; c < channels; ++c) {
        sum += x[((n * s.h + h) * s.w + v) * s.c + first + c] *
               w[((kh * s.kw + kw) * channels + c) * s.o + o];
      }
    }
  }
  if (s.activation == "relu") return sum < 0.0f ? 0.0f : sum;
  if (s.activation == "tanh") return std::tanh(sum);
  if (s.activation == "sigmoid") return 1.0f / (1.0f + std::exp(-sum));
  return sum;
}

float expected_input_grad(const ConvolutionShape& s, const float* g, const float* w,
                          std::int64_t index) {
  const std::int64_t c = index % s.c, v = index / s.c % s.w, h = index / (s.c * s.w) % s.h;
  const std::int64_t n = index / (s.c * s.w * s.h), channels = s.c / s.groups;
  const std::int64_t outputs = s.o / s.groups, first = c / channels * outputs;
  float sum = 0.0f;
  for (std::int64_t kh = 0; kh < s.kh; ++kh) {
    for (std::int64_t kw = 0; kw < s.kw; ++kw) {
      const std::int64_t top = h + s.padding[0] - kh * s.dilation[0];
      const std::int64_t left = v + s.padding[2] - kw * s.dilation[1];
      if (top < 0 || left < 0 || top % s.stride[0] != 0 || left % s.stride[1] != 0) continue;
      const std::int64_t oh = top / s.stride[0], ow = left / s.stride[1];
      if (oh >= s.oh || ow >= s.ow) continue;
      for (std::int64_t o = first; o < first + outputs; ++o) {
        sum += g[((n * s.oh + oh) * s.ow + ow) * s.o + o] *
               w[((kh * s.kw + kw) * channels + c % channels) * s.o + o];
      }
    }
  }
  return sum;
}

// Sums are exact; tanh and the logistic function are not.
bool equal(float actual, float expected) { return std::fabs(actual - expected) <= 1e-4f; }

template <class Expected>
bool samples_agree(const Operand& result, Expected expected) {
  for (std::int64_t k = 0; k < samples; ++k) {
    const std::int64_t index = (result.size - 1) * k / (samples - 1);
    if (!equal(result.memory.data()[index], expected(index))) return false;
  }
  return true;
}

}  // namespace

bool convolution_is_right(Kernel& kernel, const ConvolutionShape& s) {
  const Operand x(s.n * s.h * s.w * s.c), w(s.kh * s.kw * s.c / s.groups * s.o), bias(s.o);
  const Operand y(s.n * s.oh * s.ow * s.o);
  fill(x, 1), fill(w, 2), fill(bias, 3);
  const Memory scratch(kernel.scratch_bytes());
  kernel.bind(
      {{x.memory.data(), w.memory.data(), bias.memory.data()}, {y.memory.data()}, scratch.data()});
  kernel.run();
  return samples_agree(y, [&](std::int64_t index) {
    return expected_output(s, x.memory.data(), w.memory.data(),
                           s.bias ? bias.memory.data() : nullptr, index);
  });
}

bool input_grad_is_right(Kernel& kernel, const ConvolutionShape& s) {
  const Operand g(s.n * s.oh * s.ow * s.o), w(s.kh * s.kw * s.c / s.groups * s.o);
  const Operand dx(s.n * s.h * s.w * s.c);
  fill(g, 1), fill(w, 2);
  const Memory scratch(kernel.scratch_bytes());
  kernel.bind({{g.memory.data(), w.memory.data()}, {dx.memory.data()}, scratch.data()});
  kernel.run();
  return samples_agree(dx, [&](std::int64_t index) {
    return expected_input_grad(s, g.memory.data(), w.memory.data(), index);
  });
}

}  // namespace sloy::onednn
