// Random changes of pictures: x (N, H, W, C) uint8 or float32, key (2,) uint32, step () uint32 → y
// as x. random_warp: one affine map per picture, bilinear. random_tone: brightness and contrast.
// random_cutout: a square set to one value.
#include <array>
#include <cmath>
#include <numbers>

#include "kernels/augment.h"

namespace sloy {
namespace {

struct Pictures {
  std::int64_t count, height, width, channels;

  std::int64_t elements() const { return height * width * channels; }
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
    for_each(pictures_.count, pictures_.elements(), [&](std::int64_t n) {
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
    for_each(pictures_.count, pictures_.elements(), [&](std::int64_t n) {
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
    // no structured binding: clang's lambdas do not capture one
    const std::int64_t height = pictures_.height, width = pictures_.width,
                       channels = pictures_.channels;
    for_each(pictures_.count, pictures_.elements(), [&](std::int64_t n) {
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

// --- making them -------------------------------------------------------------------------------

template <template <class> class OfType>
std::unique_ptr<Kernel> make_of_pictures(const Instruction& instruction, const Options& options) {
  check_random(instruction);
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

}  // namespace

void register_augment_picture_kernels(Registry& registry) {
  registry["random_warp"] = {make_of_pictures<Warp>};
  registry["random_tone"] = {make_of_pictures<Tone>};
  registry["random_cutout"] = {make_of_pictures<Cutout>};
}

}  // namespace sloy
