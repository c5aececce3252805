// The gradient of averages over tiles of 2 × 2, and that of the activation before them.
#pragma once

#include "kernels/activation.h"
#include "kernels/simd/vector.h"

namespace sloy::SLOY_ISA {

// Of few channels, a line of dx (W C) comes in whole registers, each permuted from a register of g
// that begins at `base`. Each pixel of g stands there twice, so the C + 2 or more channels that
// meet a register lie within one register's width.
struct Repeated {
  std::int64_t base;
  Int places;
};

inline Repeated repeated(std::int64_t at, std::int64_t channels) {
  const auto place = [channels](std::int64_t i) {
    return i / channels / 2 * channels + i % channels;
  };
  const std::int64_t pixel = at / channels / 2 * channels;
  std::int64_t last = 0;
  for (std::int64_t lane = 0; lane < lanes; ++lane) {
    if (place(at + lane) > last) last = place(at + lane);
  }
  Repeated found{last - pixel < lanes ? pixel : place(at), {}};
  for (std::int64_t lane = 0; lane < lanes; ++lane) {
    found.places[lane] = static_cast<std::int32_t>(place(at + lane) - found.base);
  }
  return found;
}

// g f'(x), from y = f(x).
template <Activation activation, class Value>
inline Value activation_grad(Value g, Value y) {
  static_assert(activation == Activation::none || activation == Activation::tanh);
  return activation == Activation::tanh ? g * (1.0f - y * y) : g;
}

class AverageGrad {
 public:
  // Lines of OW windows of C channels; work: 2 W C floats, W = 2 OW.
  AverageGrad(float* work, std::int64_t windows, std::int64_t channels)
      : channels_(channels),
        width_(2 * windows * channels),
        places_(reinterpret_cast<std::int32_t*>(work)),
        bases_(places_ + width_) {
    const std::int64_t last = width_ / 2 - lanes;  // where a register of g begins at most
    if (channels_ >= lanes || last < 0) return;
    for (; whole_ + lanes <= width_; whole_ += lanes) {
      Repeated found = repeated(whole_, channels_);
      if (found.base > last) {
        found.places += static_cast<std::int32_t>(found.base - last);
        found.base = last;
      }
      store<Int>(places_ + whole_, found.places);
      bases_[whole_ / lanes] = static_cast<std::int32_t>(found.base);
    }
  }

  // Two lines dx (W C), one after the other, from a line g (OW C); y: the same two lines of what
  // was averaged, unless there was no activation.
  template <Activation activation>
  void spread(float* dx, const float* g, const float* y) const {
    if (channels_ < lanes) return spread_narrow<activation>(dx, g, y);
    for (std::int64_t to = 0; to < width_; to += 2 * channels_, g += channels_) {
      const std::int64_t tile[] = {to, to + channels_, to + width_, to + width_ + channels_};
      std::int64_t c = 0;
      for (; c + lanes <= channels_; c += lanes) {
        const Float part = load<Float>(g + c) * 0.25f;
        for (const std::int64_t pixel : tile) {
          put<activation, Float>(dx, y, pixel + c, part);
        }
      }
      for (; c < channels_; ++c) {
        const float part = g[c] * 0.25f;
        for (const std::int64_t pixel : tile) {
          put<activation, float>(dx, y, pixel + c, part);
        }
      }
    }
  }

  // dx (lines, 2, W C) from g (lines, OW C).
  template <Activation activation>
  void spread_lines(float* dx, const float* g, const float* y, std::int64_t lines) const {
    for (std::int64_t line = 0; line < lines; ++line) {
      const std::int64_t at = 2 * line * width_;
      spread<activation>(dx + at, g + line * width_ / 2,
                         activation == Activation::none ? nullptr : y + at);
    }
  }

 private:
  template <Activation activation>
  void spread_narrow(float* dx, const float* g, const float* y) const {
    for (std::int64_t i = 0; i < whole_; i += lanes) {
      const Float pixels = load<Float>(g + bases_[i / lanes]) * 0.25f;
      const Float part = shuffled(pixels, pixels, load<Int>(places_ + i));
      put<activation, Float>(dx, y, i, part);
      put<activation, Float>(dx, y, width_ + i, part);
    }
    for (std::int64_t i = whole_; i < width_; ++i) {
      const float part = g[i / channels_ / 2 * channels_ + i % channels_] * 0.25f;
      put<activation, float>(dx, y, i, part);
      put<activation, float>(dx, y, width_ + i, part);
    }
  }

  template <Activation activation, class Value>
  static void put(float* dx, const float* y, std::int64_t at, Value part) {
    if constexpr (activation == Activation::none) {
      write(dx + at, part);
    } else {
      write(dx + at, activation_grad<activation>(part, read<Value>(y + at)));
    }
  }
  template <class Value>
  static Value read(const float* at) {
    if constexpr (sizeof(Value) == sizeof(float)) {
      return *at;
    } else {
      return load<Float>(at);
    }
  }
  static void write(float* at, float value) { *at = value; }
  static void write(float* at, Float value) { store<Float>(at, value); }

  std::int64_t channels_, width_, whole_ = 0;
  std::int32_t *places_, *bases_;
};

}  // namespace sloy::SLOY_ISA
