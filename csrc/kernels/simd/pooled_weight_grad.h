// The weight gradient of a convolution, stride 1, of whose results only the maxima over tiles of
// 2 × 2 have gradients. Three quarters of the products would be with zeros: here each maximum meets
// the patch of x that it came from, a row of the window in a register or three. (What would be 0
// times an infinity is left out with the rest.)
#pragma once

#include "kernels/simd/padded_image.h"

namespace sloy::SLOY_ISA {

// Work: the padded image and what registers read beyond it; the sums [o][kh][a row's registers].
struct PooledWeightGrad {
  const DirectShape& s;

  static constexpr Index most_vectors = 3;  // of a row of the window

  Index line() const { return s.padded_w() * s.c; }
  Index taps() const { return s.kw * s.c; }
  Index vectors() const { return (taps() + lanes - 1) / lanes; }
  Index width() const { return vectors() * lanes; }
  Index image_floats() const { return s.padded_h() * line() + most_vectors * lanes; }
  Index sum_floats() const { return s.o * s.kh * width(); }
  Index work_floats() const { return image_floats() + sum_floats(); }

  // part (KH KW C + 1, columns) of the images [begin, end).
  void add_images(float* part, Index columns, const float* x, DirectGradient g, float* work,
                  Index begin, Index end) const {
    float* image = work;
    float* sums = work + image_floats();
    float* bias = part + s.depth() * columns;
    for (Index i = 0; i < work_floats(); ++i) work[i] = 0.0f;
    for (Index o = 0; o < columns; ++o) bias[o] = 0.0f;
    const Index tiles = s.oh / 2 * (s.ow / 2);
    for (Index n = begin; n < end; ++n) {
      pad_image(image, x + n * s.h * s.w * s.c, s);
      const float* values = g.values + n * tiles * s.o;
      add_rows(sums, image, values, g.places + n * tiles * s.o);
      add_values(bias, values, tiles);
    }
    for (Index tap = 0; tap < s.depth(); ++tap) {
      const float* from = sums + tap / taps() * width() + tap % taps();
      for (Index o = 0; o < columns; ++o) {
        part[tap * columns + o] = o < s.o ? from[o * s.kh * width()] : 0.0f;
      }
    }
  }

 private:
  void add_values(float* __restrict bias, const float* __restrict values, Index tiles) const {
    for (Index i = 0; i < tiles; ++i, values += s.o) {
      for (Index o = 0; o < s.o; ++o) bias[o] += values[o];
    }
  }

  // As many rows of the window at a time as registers hold.
  void add_rows(float* sums, const float* image, const float* g, const std::uint8_t* places) const {
    constexpr Index most = 7, registers = 14;
    const Index fitting = registers / vectors() < most ? registers / vectors() : most;
    const Index blocks = (s.kh + fitting - 1) / fitting;
    for (Index block = 0; block < blocks; ++block) {
      const Index begin = s.kh * block / blocks, count = s.kh * (block + 1) / blocks - begin;
      add_for<most>(count, sums + begin * width(), image + begin * line(), g, places);
    }
  }

  template <int rows>
  void add_for(Index count, float* sums, const float* image, const float* g,
               const std::uint8_t* places) const {
    if constexpr (rows > 1) {
      if (count != rows) return add_for<rows - 1>(count, sums, image, g, places);
    }
    if (vectors() == 1) return add_outputs<rows, 1>(sums, image, g, places);
    if (vectors() == 2) return add_outputs<rows, 2>(sums, image, g, places);
    if constexpr (rows <= 4) add_outputs<rows, 3>(sums, image, g, places);
  }

  template <int rows, int vectors>
  void add_outputs(float* sums, const float* image, const float* g,
                   const std::uint8_t* places) const {
    constexpr int fitting = 15 / (rows * vectors);
    constexpr int most = fitting < 1 ? 1 : fitting < 3 ? fitting : 3;
    const Index apart = s.kh * width();
    Index o = 0;
    for (; o + most <= s.o; o += most) {
      add_tiles<rows, vectors, most>(sums + o * apart, image, g + o, places + o);
    }
    for (; o < s.o; ++o) {
      add_tiles<rows, vectors, 1>(sums + o * apart, image, g + o, places + o);
    }
  }

  template <int rows, int vectors, int outputs>
  void add_tiles(float* sums, const float* image, const float* g,
                 const std::uint8_t* places) const {
    const Index apart = s.kh * width(), below = line();
    const Index shift[4] = {0, s.c, below, below + s.c};
    Float sum[outputs][rows][vectors];
    const auto each = [&](auto&& body) {
#pragma GCC unroll 3
      for (int o = 0; o < outputs; ++o) {
#pragma GCC unroll 7
        for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 3
          for (int v = 0; v < vectors; ++v) {
            body(sum[o][r][v], sums + o * apart + (r * vectors + v) * lanes);
          }
        }
      }
    };
    each([](Float& value, const float* at) { value = load<Float>(at); });
    for (Index i = 0; i < s.oh / 2; ++i, image += 2 * below) {
      const float* corner = image;
      for (Index j = 0; j < s.ow / 2; ++j, corner += 2 * s.c, g += s.o, places += s.o) {
#pragma GCC unroll 3
        for (int o = 0; o < outputs; ++o) {
          const Float value = splat<Float>(g[o]);
          const float* patch = corner + shift[places[o]];
#pragma GCC unroll 7
          for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 3
            for (int v = 0; v < vectors; ++v) {
              sum[o][r][v] += value * load<Float>(patch + r * below + v * lanes);
            }
          }
        }
      }
    }
    each([](const Float& value, float* at) { store<Float>(at, value); });
  }
};

}  // namespace sloy::SLOY_ISA
