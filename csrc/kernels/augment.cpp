// Random changes of a batch: x (N, H, W, C) uint8 or float32, key (2,) uint32, step () uint32 → y
// as x. random_warp: one affine map per picture, bilinear. random_tone: brightness and contrast.
// random_cutout: a square set to one value. random_order: the rows of x (N, …) in a random order.
// random_mix: share · x + (1 - share) · x' of x (N, …) float32, x' the rows as by random_order.
// random_pick: values (M,) → y (…), each element one of them.
//
// The meaning is src/sloy/graph/ops/augmentation.py, to the bit: this file must be compiled without
// contraction of products and sums (CMakeLists.txt), and its operations keep the order they have
// there.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numbers>
#include <stdexcept>

#include "core/kernel.h"
#include "core/parallel.h"

#define SLOY_ISA scalar
#include "kernels/simd/threefry.h"
#undef SLOY_ISA

namespace sloy {
namespace {

using Words = scalar::Block<std::uint32_t>;

Words encrypted(Words key, std::uint64_t counter) {
  return scalar::threefry2x32<std::uint32_t>(key.w0, key.w1,
                                             static_cast<std::uint32_t>(counter >> 32),
                                             static_cast<std::uint32_t>(counter));
}

double signed_unit(std::uint32_t word) { return word * 0x1p-31 - 1.0; }

std::int64_t whole(std::uint32_t word, std::int64_t count) {
  return static_cast<std::int64_t>(std::floor(word * 0x1p-32 * static_cast<double>(count)));
}

struct Pictures {
  std::int64_t count, height, width, channels;

  std::int64_t elements() const { return height * width * channels; }
};

// What the kernels share: the key of stream and step, and a loop over the samples.
class RandomKernel : public Kernel {
 public:
  RandomKernel(const Instruction& instruction, const Options& options)
      : stream_(static_cast<std::uint32_t>(get_int(instruction, "stream"))),
        threads_(options.threads) {}

  void bind(const Addresses& addresses) override {
    x_ = addresses.inputs[0];
    key_ = static_cast<const std::uint32_t*>(addresses.inputs[1]);
    step_ = static_cast<const std::uint32_t*>(addresses.inputs[2]);
    y_ = addresses.outputs[0];
  }

 protected:
  Words key() const { return encrypted(encrypted({key_[0], key_[1]}, stream_), *step_); }

  template <class T>
  const T* x() const {
    return static_cast<const T*>(x_);
  }
  template <class T>
  T* y() const {
    return static_cast<T*>(y_);
  }

  template <class Body>
  void for_each(const Pictures& pictures, Body&& body) const {
    constexpr std::int64_t worth_a_barrier = 8192;
    const std::int64_t least = std::max<std::int64_t>(2, worth_a_barrier / pictures.elements());
    parallel_for(threads_, pictures.count, least, 1, [&](int, Range range) {
      for (std::int64_t n = range.begin; n < range.end; ++n) body(n);
    });
  }

 private:
  std::uint32_t stream_;
  int threads_;
  const void* x_ = nullptr;
  void* y_ = nullptr;
  const std::uint32_t* key_ = nullptr;
  const std::uint32_t* step_ = nullptr;
};

// --- random_warp -------------------------------------------------------------------------------

enum class Outside : std::uint8_t { constant, edge, reflect };

// (row, column) of the result → (row, column) of the source, in 2^-16 of a pixel.
struct InverseMap {
  std::array<std::int64_t, 2> by_row, by_column, offset;
};

struct WarpSettings {
  int flip;
  double rotation, scale, shift;
  std::int64_t crop;
};

struct SineCosine {
  double sine, cosine;
};

SineCosine sine_cosine(double angle) {
  constexpr int terms = 12;
  double sine = angle, cosine = 1.0, odd = angle, even = 1.0;
  const double square = angle * angle;
  for (int k = 1; k <= terms; ++k) {
    even = -even * square / static_cast<double>((2 * k - 1) * (2 * k));
    odd = -odd * square / static_cast<double>((2 * k) * (2 * k + 1));
    cosine += even;
    sine += odd;
  }
  return {sine, cosine};
}

InverseMap inverse_map(Words key, std::int64_t sample, const Pictures& pictures,
                       const WarpSettings& settings) {
  std::array<std::uint32_t, 8> words{};
  for (std::uint64_t k = 0; k < 4; ++k) {
    const Words drawn = encrypted(key, static_cast<std::uint64_t>(sample) * 4 + k);
    words[2 * k] = drawn.w0;
    words[2 * k + 1] = drawn.w1;
  }
  const auto [sine, cosine] =
      sine_cosine(settings.rotation * (std::numbers::pi / 180.0) * signed_unit(words[0]));
  const double factor = 1.0 + settings.scale * signed_unit(words[1]);
  const std::array<double, 2> sides{static_cast<double>(pictures.height),
                                    static_cast<double>(pictures.width)};
  std::array<double, 2> centre{}, move{};
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const auto pixels =
        static_cast<double>(whole(words[4 + axis], 2 * settings.crop + 1) - settings.crop);
    centre[axis] = (sides[axis] - 1.0) / 2.0;
    move[axis] = settings.shift * sides[axis] * signed_unit(words[2 + axis]) + pixels;
  }
  const std::array<std::array<double, 2>, 2> parts{{{cosine, sine}, {-sine, cosine}}};
  InverseMap map{};
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const bool may = (settings.flip & (axis == 0 ? 2 : 1)) != 0;
    const double sign = may && (words[6 + axis] >> 31) == 1U ? -1.0 : 1.0;
    const double by_row = sign * parts[axis][0] / factor;
    const double by_column = sign * parts[axis][1] / factor;
    const double there = by_row * (centre[0] + move[0]) + by_column * (centre[1] + move[1]);
    map.by_row[axis] = static_cast<std::int64_t>(std::nearbyint(by_row * 65536.0));
    map.by_column[axis] = static_cast<std::int64_t>(std::nearbyint(by_column * 65536.0));
    map.offset[axis] = static_cast<std::int64_t>(std::nearbyint((centre[axis] - there) * 65536.0));
  }
  return map;
}

// The index inside that an index stands for; -1 for the constant.
std::int64_t inside(std::int64_t index, std::int64_t extent, Outside outside) {
  if (index >= 0 && index < extent) return index;
  if (outside == Outside::constant) return -1;
  if (outside == Outside::reflect && extent > 1) {
    const std::int64_t period = 2 * (extent - 1);
    const std::int64_t rest = (index % period + period) % period;
    return std::min(rest, period - rest);
  }
  return index < 0 ? 0 : extent - 1;
}

inline std::uint8_t between(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d,
                            std::int64_t down, std::int64_t right) {
  const auto p = static_cast<std::int32_t>(down), q = static_cast<std::int32_t>(right);
  const std::int32_t upper = (256 - q) * a + q * b, lower = (256 - q) * c + q * d;
  return static_cast<std::uint8_t>(((256 - p) * upper + p * lower + (1 << 15)) >> 16);
}

inline float between(float a, float b, float c, float d, std::int64_t down, std::int64_t right) {
  const float p = static_cast<float>(down) / 256.0f, q = static_cast<float>(right) / 256.0f;
  const float upper = a + (b - a) * q, lower = c + (d - c) * q;
  return upper + (lower - upper) * p;
}

template <class T>
class Warp final : public RandomKernel {
 public:
  Warp(const Instruction& instruction, const Options& options, const Pictures& pictures)
      : RandomKernel(instruction, options),
        pictures_(pictures),
        settings_{static_cast<int>(get_int(instruction, "flip")),
                  get_double(instruction, "rotation"), get_double(instruction, "scale"),
                  get_double(instruction, "shift"), get_int(instruction, "crop")},
        value_(static_cast<T>(get_double(instruction, "value"))) {
    const std::string& outside = get_string(instruction, "outside");
    outside_ = outside == "edge"      ? Outside::edge
               : outside == "reflect" ? Outside::reflect
                                      : Outside::constant;
  }

  void run() override {
    const Words words = key();
    for_each(pictures_, [&](std::int64_t n) {
      const std::int64_t at = n * pictures_.elements();
      warp(y<T>() + at, x<T>() + at, inverse_map(words, n, pictures_, settings_));
    });
  }

 private:
  void warp(T* y, const T* x, const InverseMap& map) const {
    const auto [count, height, width, channels] = pictures_;
    for (std::int64_t i = 0; i < height; ++i) {
      std::int64_t row = map.by_row[0] * i + map.offset[0];
      std::int64_t column = map.by_row[1] * i + map.offset[1];
      for (std::int64_t j = 0; j < width; ++j) {
        const std::int64_t top = row >> 16, left = column >> 16;
        const std::int64_t down = (row >> 8) & 255, right = (column >> 8) & 255;
        if (top >= 0 && left >= 0 && top + 1 < height && left + 1 < width) {
          const T* a = x + (top * width + left) * channels;
          const T* c = a + width * channels;
          for (std::int64_t k = 0; k < channels; ++k) {
            y[k] = between(a[k], a[k + channels], c[k], c[k + channels], down, right);
          }
        } else {
          at_edge(y, x, top, left, down, right);
        }
        y += channels;
        row += map.by_column[0];
        column += map.by_column[1];
      }
    }
  }

  // A pixel whose four neighbours are not all inside.
  void at_edge(T* y, const T* x, std::int64_t top, std::int64_t left, std::int64_t down,
               std::int64_t right) const {
    const auto [count, height, width, channels] = pictures_;
    const std::array<std::int64_t, 2> rows{inside(top, height, outside_),
                                           inside(top + 1, height, outside_)};
    const std::array<std::int64_t, 2> columns{inside(left, width, outside_),
                                              inside(left + 1, width, outside_)};
    for (std::int64_t k = 0; k < channels; ++k) {
      std::array<T, 4> taps{};
      for (std::size_t tap = 0; tap < 4; ++tap) {
        const std::int64_t i = rows[tap / 2], j = columns[tap % 2];
        taps[tap] = i < 0 || j < 0 ? value_ : x[(i * width + j) * channels + k];
      }
      y[k] = between(taps[0], taps[1], taps[2], taps[3], down, right);
    }
  }

  Pictures pictures_;
  WarpSettings settings_;
  T value_;
  Outside outside_ = Outside::constant;
};

// --- random_tone, random_cutout ----------------------------------------------------------------

template <class T>
class Tone final : public RandomKernel {
 public:
  Tone(const Instruction& instruction, const Options& options, const Pictures& pictures)
      : RandomKernel(instruction, options),
        pictures_(pictures),
        brightness_(get_double(instruction, "brightness")),
        contrast_(get_double(instruction, "contrast")) {}

  void run() override {
    const Words words = key();
    const std::int64_t size = pictures_.elements();
    for_each(pictures_, [&](std::int64_t n) {
      const Words drawn = encrypted(words, static_cast<std::uint64_t>(n));
      const T* x = this->x<T>() + n * size;
      double sum = 0.0;
      for (std::int64_t i = 0; i < size; ++i) sum += static_cast<double>(x[i]);
      const double gain = 1.0 + contrast_ * signed_unit(drawn.w0);
      const double added = brightness_ * white * signed_unit(drawn.w1);
      const double offset = sum / static_cast<double>(size) * (1.0 - gain) + added;
      apply(y<T>() + n * size, x, size, gain, offset);
    });
  }

 private:
  static constexpr double white = std::is_same_v<T, std::uint8_t> ? 255.0 : 1.0;

  static void apply(std::uint8_t* y, const std::uint8_t* x, std::int64_t size, double gain,
                    double offset) {
    std::array<std::uint8_t, 256> table{};
    for (std::size_t level = 0; level < table.size(); ++level) {
      const double value = std::nearbyint(static_cast<double>(level) * gain + offset);
      table[level] = static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0));
    }
    for (std::int64_t i = 0; i < size; ++i) y[i] = table[x[i]];
  }

  static void apply(float* y, const float* x, std::int64_t size, double gain, double offset) {
    const auto factor = static_cast<float>(gain), shift = static_cast<float>(offset);
    for (std::int64_t i = 0; i < size; ++i) y[i] = x[i] * factor + shift;
  }

  Pictures pictures_;
  double brightness_, contrast_;
};

template <class T>
class Cutout final : public RandomKernel {
 public:
  Cutout(const Instruction& instruction, const Options& options, const Pictures& pictures)
      : RandomKernel(instruction, options),
        pictures_(pictures),
        size_(get_int(instruction, "size")),
        value_(static_cast<T>(get_double(instruction, "value"))) {}

  void run() override {
    const Words words = key();
    const auto [count, height, width, channels] = pictures_;
    for_each(pictures_, [&](std::int64_t n) {
      const Words drawn = encrypted(words, static_cast<std::uint64_t>(n));
      const Range rows = band(drawn.w0, height), columns = band(drawn.w1, width);
      const std::int64_t at = n * pictures_.elements();
      T* y = this->y<T>() + at;
      std::copy_n(x<T>() + at, pictures_.elements(), y);
      for (std::int64_t i = rows.begin; i < rows.end; ++i) {
        std::fill(y + (i * width + columns.begin) * channels,
                  y + (i * width + columns.end) * channels, value_);
      }
    });
  }

 private:
  Range band(std::uint32_t word, std::int64_t extent) const {
    const std::int64_t first = whole(word, extent) - size_ / 2;
    return {std::max<std::int64_t>(first, 0), std::min(first + size_, extent)};
  }

  Pictures pictures_;
  std::int64_t size_;
  T value_;
};

// --- random_order, random_pick -----------------------------------------------------------------

// Draws the order of n rows.
class RowOrder {
 public:
  explicit RowOrder(std::int64_t rows) : drawn_(static_cast<std::size_t>(rows)) {}

  void draw(Words key) {
    for (std::size_t i = 0; i < drawn_.size(); ++i) {
      const Words words = encrypted(key, i);
      drawn_[i] = {(static_cast<std::uint64_t>(words.w0) << 32) | words.w1, i};
    }
    std::sort(drawn_.begin(), drawn_.end());
  }

  std::size_t size() const { return drawn_.size(); }
  std::size_t operator[](std::size_t i) const { return drawn_[i].second; }

 private:
  std::vector<std::pair<std::uint64_t, std::size_t>> drawn_;  // word and row
};

class Order final : public RandomKernel {
 public:
  Order(const Instruction& instruction, const Options& options)
      : RandomKernel(instruction, options),
        order_(instruction.inputs[0].shape[0]),
        bytes_(order_.size() == 0 ? 0 : instruction.inputs[0].bytes() / order_.size()) {}

  void run() override {
    order_.draw(key());
    for (std::size_t i = 0; i < order_.size(); ++i) {
      std::memcpy(y<char>() + i * bytes_, x<char>() + order_[i] * bytes_, bytes_);
    }
  }

 private:
  RowOrder order_;
  std::size_t bytes_;
};

class Mix final : public RandomKernel {
 public:
  Mix(const Instruction& instruction, const Options& options)
      : RandomKernel(instruction, options),
        order_(instruction.inputs[0].shape[0]),
        rows_{instruction.inputs[0].shape[0], 1, 1,
              rows_of(instruction) == 0 ? 1
                                        : instruction.inputs[0].elements() / rows_of(instruction)} {
  }

  void bind(const Addresses& addresses) override {
    RandomKernel::bind({{addresses.inputs[0], addresses.inputs[2], addresses.inputs[3]},
                        addresses.outputs,
                        addresses.scratch});
    share_ = static_cast<const float*>(addresses.inputs[1]);
  }

  void run() override {
    order_.draw(key());
    const float share = *share_, rest = 1.0f - share;
    const std::int64_t size = rows_.elements();
    for_each(rows_, [&](std::int64_t n) {
      const float* own = x<float>() + n * size;
      const float* other =
          x<float>() + static_cast<std::int64_t>(order_[static_cast<std::size_t>(n)]) * size;
      float* y = this->y<float>() + n * size;
      for (std::int64_t i = 0; i < size; ++i) y[i] = share * own[i] + rest * other[i];
    });
  }

 private:
  static std::int64_t rows_of(const Instruction& instruction) {
    return instruction.inputs[0].shape[0];
  }

  RowOrder order_;
  Pictures rows_;
  const float* share_ = nullptr;
};

class Pick final : public RandomKernel {
 public:
  Pick(const Instruction& instruction, const Options& options)
      : RandomKernel(instruction, options),
        values_(instruction.inputs[0].elements()),
        elements_(instruction.outputs[0].elements()),
        bytes_(size_of(instruction.inputs[0].dtype)) {}

  void run() override {
    const Words words = key();
    for (std::int64_t i = 0; i < elements_; ++i) {
      const Words drawn = encrypted(words, static_cast<std::uint64_t>(i));
      const auto place = static_cast<std::size_t>(whole(drawn.w0, values_));
      std::memcpy(y<char>() + static_cast<std::size_t>(i) * bytes_, x<char>() + place * bytes_,
                  bytes_);
    }
  }

 private:
  std::int64_t values_, elements_;
  std::size_t bytes_;
};

// --- making them -------------------------------------------------------------------------------

void check(const Instruction& instruction, std::size_t inputs = 3) {
  if (instruction.inputs.size() != inputs || instruction.outputs.size() != 1 ||
      instruction.inputs[inputs - 2].elements() != 2 ||
      instruction.inputs[inputs - 1].elements() != 1) {
    throw std::invalid_argument(instruction.op + ": takes x, a key of two words and a step.");
  }
}

template <template <class> class OfType>
std::unique_ptr<Kernel> make_of_pictures(const Instruction& instruction, const Options& options) {
  check(instruction);
  const TensorSpec& x = instruction.inputs[0];
  if (x.shape.size() != 4 || x.elements() == 0 || instruction.outputs[0].shape != x.shape) {
    throw std::invalid_argument(instruction.op + ": x must be pictures (N, H, W, C).");
  }
  const Pictures pictures{x.shape[0], x.shape[1], x.shape[2], x.shape[3]};
  if (x.dtype == DType::uint8) {
    return std::make_unique<OfType<std::uint8_t>>(instruction, options, pictures);
  }
  if (x.dtype == DType::float32) {
    return std::make_unique<OfType<float>>(instruction, options, pictures);
  }
  throw std::invalid_argument(instruction.op + ": x must be uint8 or float32.");
}

template <class OfAny>
std::unique_ptr<Kernel> make_of_any(const Instruction& instruction, const Options& options) {
  check(instruction);
  if (instruction.inputs[0].shape.empty()) {
    throw std::invalid_argument(instruction.op + ": x must have an axis.");
  }
  return std::make_unique<OfAny>(instruction, options);
}

std::unique_ptr<Kernel> make_mix(const Instruction& instruction, const Options& options) {
  check(instruction, 4);
  const TensorSpec &x = instruction.inputs[0], &share = instruction.inputs[1];
  if (x.shape.empty() || x.dtype != DType::float32 || share.dtype != DType::float32 ||
      share.elements() != 1) {
    throw std::invalid_argument("random_mix: x must be float32 (N, …), share one number.");
  }
  return std::make_unique<Mix>(instruction, options);
}

}  // namespace

void register_augment_kernels(Registry& registry) {
  registry["random_warp"] = make_of_pictures<Warp>;
  registry["random_tone"] = make_of_pictures<Tone>;
  registry["random_cutout"] = make_of_pictures<Cutout>;
  registry["random_order"] = make_of_any<Order>;
  registry["random_mix"] = make_mix;
  registry["random_pick"] = make_of_any<Pick>;
}

}  // namespace sloy
