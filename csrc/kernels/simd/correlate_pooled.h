// Convolution of images with few channels, stride 1, of which only the maxima over tiles of 2 × 2
// are written: a tile's four pixels stay in registers until its maxima are known.
#pragma once

#include "kernels/simd/activate.h"
#include "kernels/simd/bytes.h"
#include "kernels/simd/maximum.h"
#include "kernels/simd/padded_image.h"

namespace sloy::SLOY_ISA {

// Work: the padded image; the bias of whole registers of outputs.
struct CorrelatePooled {
  const DirectShape& s;
  const float* w;  // (KH, KW, C, columns)
  Index columns;
  Activation activation;

  Index line() const { return s.padded_w() * s.c; }
  Index image_floats() const { return s.padded_h() * line(); }
  Index work_floats() const { return image_floats() + columns; }

  // Images [begin, end) of y, and of the places if they are not null.
  void images(float* y, std::uint8_t* places, const float* x, const float* bias, float* work,
              Index begin, Index end) const {
    float* start = work + image_floats();
    for (Index o = 0; o < columns; ++o) start[o] = bias != nullptr && o < s.o ? bias[o] : 0.0f;
    const Index tiles = s.ow / 2 * s.o;  // maxima of a line
    for (Index n = begin; n < end; ++n) {
      pad_image(work, x + n * s.h * s.w * s.c, s);
      for (Index row = 0; row < s.oh / 2; ++row) {
        const Index at = (n * (s.oh / 2) + row) * tiles;
        maxima_of_line(y + at, places == nullptr ? nullptr : places + at, work + 2 * row * line(),
                       start);
      }
    }
  }

 private:
  void maxima_of_line(float* y, std::uint8_t* places, const float* x, const float* start) const {
    constexpr Index most = 3;
    const Index vectors = columns / lanes, blocks = (vectors + most - 1) / most;
    for (Index block = 0; block < blocks; ++block) {
      const Index begin = vectors * block / blocks;
      switch (vectors * (block + 1) / blocks - begin) {
        case 1:
          maxima_of_outputs<1, 2>(y, places, x, start, begin * lanes);
          break;
        case 2:
          maxima_of_outputs<2, 1>(y, places, x, start, begin * lanes);
          break;
        default:
          maxima_of_outputs<3, 1>(y, places, x, start, begin * lanes);
      }
    }
  }

  template <int vectors, int at_once>
  void maxima_of_outputs(float* y, std::uint8_t* places, const float* x, const float* start,
                         Index o) const {
    Index tile = 0;
    for (; tile + at_once <= s.ow / 2; tile += at_once) {
      maxima_of_tiles<vectors, at_once>(y, places, x, start, o, tile);
    }
    for (; tile < s.ow / 2; ++tile) maxima_of_tiles<vectors, 1>(y, places, x, start, o, tile);
  }

  template <int vectors, int tiles>
  void maxima_of_tiles(float* y, std::uint8_t* places, const float* x, const float* start, Index o,
                       Index tile) const {
    Float sum[tiles][4][vectors];
#pragma GCC unroll 8
    for (int p = 0; p < 4 * tiles; ++p) {
#pragma GCC unroll 3
      for (int v = 0; v < vectors; ++v) {
        sum[p / 4][p % 4][v] = load<Float>(start + o + v * lanes);
      }
    }
    const float* weights = w + o;
    const float* corner = x + 2 * tile * s.c;
    for (Index kh = 0; kh < s.kh; ++kh, corner += line()) {
      const float* pixel[4] = {corner, corner + s.c, corner + line(), corner + line() + s.c};
      for (Index k = 0; k < s.kw * s.c; ++k, weights += columns) {
        Float weight[vectors];
#pragma GCC unroll 3
        for (int v = 0; v < vectors; ++v) weight[v] = load<Float>(weights + v * lanes);
#pragma GCC unroll 8
        for (int p = 0; p < 4 * tiles; ++p) {
          const Float value = splat<Float>(pixel[p % 4][k + p / 4 * 2 * s.c]);
#pragma GCC unroll 3
          for (int v = 0; v < vectors; ++v) sum[p / 4][p % 4][v] += value * weight[v];
        }
      }
    }
#pragma GCC unroll 2
    for (int t = 0; t < tiles; ++t) {
#pragma GCC unroll 3
      for (int v = 0; v < vectors; ++v) {
        const Index first = o + v * lanes, at = (tile + t) * s.o + first;
        put(y + at, places == nullptr ? nullptr : places + at, s.o - first, sum[t][0][v],
            sum[t][1][v], sum[t][2][v], sum[t][3][v]);
      }
    }
  }

  // At most `count` maxima, combined in the order of max_pool2d, and their places.
  void put(float* y, std::uint8_t* places, Index count, Float a, Float b, Float c, Float d) const {
    a = activate(a, activation), b = activate(b, activation);
    c = activate(c, activation), d = activate(d, activation);
    const Float top = greater(greater(a, c), greater(b, d));
    if (count >= lanes) {
      store<Float>(y, top);
    } else {
      for (Index i = 0; i < count; ++i) y[i] = top[i];
    }
    if (places == nullptr) return;
    const FirstMaximum first = first_maximum_of(a, b, c, d, top);
    const Int place = (first.at[1] & 1) | (first.at[2] & 2) | (first.at[3] & 3);
    if (count >= lanes) {
      store_bytes(places, place);
    } else {
      for (Index i = 0; i < count; ++i) places[i] = static_cast<std::uint8_t>(place[i]);
    }
  }
};

}  // namespace sloy::SLOY_ISA
