// y = Aᵀ [(G w Gᵀ) ⊙ (Bᵀ x B)] A on 4 × 4 tiles of x that give 2 × 2 tiles of y, with
//   Bᵀ = 1  0 -1  0     G =  1    0    0     Aᵀ = 1  1  1  0
//        0  1  1  0         1/2  1/2  1/2         0  1 -1 -1
//        0 -1  1  0         1/2 -1/2  1/2
//        0  1  0 -1          0    0    1
// ⊙ summed over input channels is 16 matrix products. Transposing the formula gives the gradient of
// w:
//   dw = Gᵀ [Σ over tiles of (Bᵀ x B) ⊙ (A g Aᵀ)] G.
#include "kernels/simd/winograd.h"

#include "kernels/simd/bytes.h"
#include "kernels/simd/ending.h"
#include "kernels/simd/maximum.h"
#include "kernels/simd/microkernel.h"

namespace sloy::SLOY_ISA {
namespace {

struct Tile {
  Float at[4][4];
};

struct TilePlace {
  Index image, row, column;  // of the first output
};

TilePlace place_of(Index tile, const WinogradShape& s) {
  const Index columns = (s.ow + 1) / 2;
  const Index rows = (s.oh + 1) / 2;
  return {tile / (rows * columns), tile / columns % rows * 2, tile % columns * 2};
}

// Bᵀ d of four values.
inline void input_transform(Float& d0, Float& d1, Float& d2, Float& d3) {
  const Float a = d0 - d2, b = d1 + d2, c = d2 - d1, e = d1 - d3;
  d0 = a, d1 = b, d2 = c, d3 = e;
}

inline Float take_where(Int mask, Float x) { return from_bits(bits(x) & mask); }

// v[f] = (Bᵀ t B)[f] of one vector of channels, `stride` floats per f.
inline void store_transformed(float* __restrict v, Index stride, Tile& t) {
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) input_transform(t.at[i][0], t.at[i][1], t.at[i][2], t.at[i][3]);
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    input_transform(t.at[0][j], t.at[1][j], t.at[2][j], t.at[3][j]);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) store<Float>(v + (4 * i + j) * stride, t.at[i][j]);
  }
}

// pixel(i, j): where the channels of the tile's element stand.
template <class Pixel>
inline void transform_pixels(float* v, Index stride, Index channels, Pixel&& pixel) {
  for (Index c = 0; c < channels; c += lanes) {
    Tile t;
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) t.at[i][j] = load<Float>(pixel(i, j) + c);
    }
    store_transformed(v + c, stride, t);
  }
}

// `zeros` (C,) stand outside of the image.
void transform_dense(float* v, Index stride, const float* x, const float* zeros,
                     const WinogradShape& s, const TilePlace& p) {
  const Index top = p.row - s.top, left = p.column - s.left;
  const float* corner = x + ((p.image * s.h + top) * s.w + left) * s.c;
  const Index row = s.w * s.c;
  if (top >= 0 && left >= 0 && top + 4 <= s.h && left + 4 <= s.w) {
    transform_pixels(v, stride, s.c, [&](int i, int j) { return corner + i * row + j * s.c; });
    return;
  }
  const float* pixels[4][4];
  for (Index i = 0; i < 4; ++i) {
    for (Index j = 0; j < 4; ++j) {
      const bool inside = top + i >= 0 && top + i < s.h && left + j >= 0 && left + j < s.w;
      pixels[i][j] = inside ? corner + i * row + j * s.c : zeros;
    }
  }
  transform_pixels(v, stride, s.c, [&](int i, int j) { return pixels[i][j]; });
}

// odd: 1 where the tile begins in the second row or column of a window.
template <int odd_row, int odd_column>
void transform_windows(float* v, Index stride, WinogradImage x, const float* zeros,
                       const WinogradShape& s, const TilePlace& p) {
  constexpr int window_rows = 2 + odd_row, window_columns = 2 + odd_column;
  const Index rows = s.h / 2, columns = s.w / 2;
  const Index top = (p.row - s.top - odd_row) / 2, left = (p.column - s.left - odd_column) / 2;
  const float* values[window_rows][window_columns];
  const std::uint8_t* places[window_rows][window_columns];
  for (Index i = 0; i < window_rows; ++i) {
    for (Index j = 0; j < window_columns; ++j) {
      const bool inside = top + i >= 0 && top + i < rows && left + j >= 0 && left + j < columns;
      const Index at = ((p.image * rows + top + i) * columns + left + j) * s.c;
      values[i][j] = inside ? x.values + at : zeros;
      places[i][j] = inside ? x.places + at : x.places;
    }
  }
  for (Index c = 0; c < s.c; c += lanes) {
    Tile t;
#pragma GCC unroll 3
    for (int i = 0; i < window_rows; ++i) {
#pragma GCC unroll 3
      for (int j = 0; j < window_columns; ++j) {
        const Float value = load<Float>(values[i][j] + c);
        const Int place = load_bytes(places[i][j] + c);
#pragma GCC unroll 4
        for (int k = 0; k < 4; ++k) {
          const int row = 2 * i + k / 2 - odd_row, column = 2 * j + k % 2 - odd_column;
          if (row >= 0 && row < 4 && column >= 0 && column < 4) {
            t.at[row][column] = take_where(place == k, value);
          }
        }
      }
    }
    store_transformed(v + c, stride, t);
  }
}

// v[f][t][c] = (Bᵀ x B)[f] for the tile number `tile`; `v` is at [0][t][0], `stride` floats per f.
void transform_input(float* v, Index stride, WinogradImage x, const float* zeros,
                     const WinogradShape& s, Index tile) {
  const TilePlace p = place_of(tile, s);
  if (x.places == nullptr) return transform_dense(v, stride, x.values, zeros, s, p);
  switch (s.top % 2 * 2 + s.left % 2) {
    case 0:
      return transform_windows<0, 0>(v, stride, x, zeros, s, p);
    case 1:
      return transform_windows<0, 1>(v, stride, x, zeros, s, p);
    case 2:
      return transform_windows<1, 0>(v, stride, x, zeros, s, p);
    default:
      return transform_windows<1, 1>(v, stride, x, zeros, s, p);
  }
}

// Aᵀ m A · scale + bias of one vector of outputs; `m` is at [0][t][o], `stride` floats per f.
struct Outputs {
  Float at[2][2];
};

inline Outputs outputs_of(const float* m, Index stride, const Ending& ending, Index o) {
  const Float scale = ending.scale == nullptr ? splat<Float>(1.0f) : load<Float>(ending.scale + o);
  const Float bias = ending.bias == nullptr ? Float{} : load<Float>(ending.bias + o);
  m += o;
  Float half[2][4];
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const float* from = m + j * stride;
    const Float m0 = load<Float>(from), m1 = load<Float>(from + 4 * stride);
    const Float m2 = load<Float>(from + 8 * stride), m3 = load<Float>(from + 12 * stride);
    half[0][j] = m0 + m1 + m2;
    half[1][j] = m1 - m2 - m3;
  }
  Outputs y;
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    const Float* row = half[i];
    y.at[i][0] = (row[0] + row[1] + row[2]) * scale + bias;
    y.at[i][1] = (row[1] - row[2] - row[3]) * scale + bias;
  }
  return y;
}

// y's 2 × 2 tile, 0 where `gate` is there and not positive.
void transform_output(float* y, const float* m, Index stride, const Ending& ending,
                      const float* gate, const WinogradShape& s, Index tile) {
  const TilePlace p = place_of(tile, s);
  const bool below = p.row + 1 < s.oh, beside = p.column + 1 < s.ow;
  const Index corner = ((p.image * s.oh + p.row) * s.ow + p.column) * s.o;
  const Bounds bounds = bounds_of(ending.activation);
  const bool bounded = is_bounded(ending.activation);
  const auto put = [&](Index at, Float value) {
    if (ending.residual != nullptr) value += load<Float>(ending.residual + at);
    value = bounded ? within(value, bounds) : activate(value, ending.activation);
    if (gate != nullptr) value = take_where(load<Float>(gate + at) > 0.0f, value);
    store<Float>(y + at, value);
  };
  for (Index o = 0; o < s.o; o += lanes) {
    const Outputs out = outputs_of(m, stride, ending, o);
    const Index here = corner + o, under = here + s.ow * s.o;
    put(here, out.at[0][0]);
    if (beside) put(here + s.o, out.at[0][1]);
    if (below) put(under, out.at[1][0]);
    if (below && beside) put(under + s.o, out.at[1][1]);
  }
}

// y (tiles, O), places (tiles, O) or null: the tile's maximum, combined in the order of max_pool2d.
void transform_maximum(float* y, std::uint8_t* places, const float* m, Index stride,
                       const Ending& ending, const WinogradShape& s, Index tile) {
  for (Index o = 0; o < s.o; o += lanes) {
    Outputs out = outputs_of(m, stride, ending, o);
    for (auto& line : out.at) {
      for (Float& value : line) value = activate(value, ending.activation);
    }
    const Float left = greater(out.at[0][0], out.at[1][0]);
    const Float top = greater(left, greater(out.at[0][1], out.at[1][1]));
    store<Float>(y + tile * s.o + o, top);
    if (places == nullptr) continue;
    const FirstMaximum first =
        first_maximum_of(out.at[0][0], out.at[0][1], out.at[1][0], out.at[1][1], top);
    store_bytes(places + tile * s.o + o, (first.at[1] & 1) | (first.at[2] & 2) | (first.at[3] & 3));
  }
}

void fill_zeros(float* to, Index size) {
  for (Index i = 0; i < size; ++i) to[i] = 0.0f;
}

void forward(float* y, std::uint8_t* places, WinogradImage x, const float* u, const Ending& ending,
             const float* gate, float* work, const WinogradShape& s, Index begin, Index end) {
  const Index block = s.block;
  const Index from = s.input_stride(), to = s.output_stride();
  float* v = work;             // [16][block][C]
  float* m = v + 16 * from;    // [16][block][O]
  float* zeros = m + 16 * to;  // [C]
  fill_zeros(zeros, s.c);
  for (Index first = begin; first < end; first += block) {
    const Index tiles = end - first < block ? end - first : block;
    for (Index t = 0; t < tiles; ++t) {
      transform_input(v + t * s.c, from, x, zeros, s, first + t);
    }
    for (Index f = 0; f < 16; ++f) {
      multiply_panels(m + f * to, s.o, {v + f * from, s.c, 1}, tiles, u + f * s.c * s.o, s.o, s.c,
                      false);
    }
    for (Index t = 0; t < tiles; ++t) {
      const float* from_tile = m + t * s.o;
      if (s.pools) {
        transform_maximum(y, places, from_tile, to, ending, s, first + t);
      } else {
        transform_output(y, from_tile, to, ending, gate, s, first + t);
      }
    }
  }
}

// m[f][o in panels][t] = (A g Aᵀ)[f] where gradient(o) is a vector of g's 2 × 2 tile, the t-th of
// `tiles`; db += g.
template <class Gradient>
inline void transform_gradient_tile(float* m, Index stride, Index tiles, Index t, float* db,
                                    Index channels, Gradient&& gradient) {
  for (Index o = 0; o < channels; o += lanes) {
    const Outputs g = gradient(o);
    const Float g00 = g.at[0][0], g01 = g.at[0][1], g10 = g.at[1][0], g11 = g.at[1][1];
    if (db != nullptr) store<Float>(db + o, load<Float>(db + o) + ((g00 + g01) + (g10 + g11)));
    const Float left[4] = {g00, g00 + g10, g00 - g10, -g10};
    const Float right[4] = {g01, g01 + g11, g01 - g11, -g11};
    const Index begin = o / panel * panel;
    float* to = m + begin * tiles + t * panel_width(begin, channels) + (o - begin);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      store<Float>(to + (4 * i) * stride, left[i]);
      store<Float>(to + (4 * i + 1) * stride, left[i] + right[i]);
      store<Float>(to + (4 * i + 2) * stride, left[i] - right[i]);
      store<Float>(to + (4 * i + 3) * stride, -right[i]);
    }
  }
}

void transform_gradient(float* m, Index stride, Index tiles, Index t, float* db, WinogradImage g,
                        const WinogradShape& s, Index tile) {
  if (g.places != nullptr) {
    transform_gradient_tile(m, stride, tiles, t, db, s.o, [&](Index o) -> Outputs {
      const Float value = load<Float>(g.values + tile * s.o + o);
      const Int place = load_bytes(g.places + tile * s.o + o);
      return {{{take_where(place == 0, value), take_where(place == 1, value)},
               {take_where(place == 2, value), take_where(place == 3, value)}}};
    });
    return;
  }
  const TilePlace p = place_of(tile, s);
  const bool below = p.row + 1 < s.oh, beside = p.column + 1 < s.ow;
  const float* corner = g.values + ((p.image * s.oh + p.row) * s.ow + p.column) * s.o;
  const float* under = corner + s.ow * s.o;
  transform_gradient_tile(m, stride, tiles, t, db, s.o, [&](Index o) -> Outputs {
    return {{{load<Float>(corner + o), beside ? load<Float>(corner + s.o + o) : Float{}},
             {below ? load<Float>(under + o) : Float{},
              below && beside ? load<Float>(under + s.o + o) : Float{}}}};
  });
}

void weight_grad(float* du, float* db, const float* x, WinogradImage g, float* work,
                 const WinogradShape& s, Index begin, Index end) {
  const Index block = s.block;
  const Index from = s.input_stride(), to = s.output_stride();
  float* v = work;             // [16][block][C]
  float* m = v + 16 * from;    // [16][O in panels][block]
  float* zeros = m + 16 * to;  // [C]
  fill_zeros(zeros, s.c);
  fill_zeros(du, s.weight_floats());
  if (db != nullptr) fill_zeros(db, s.o);
  for (Index first = begin; first < end; first += block) {
    const Index tiles = end - first < block ? end - first : block;
    for (Index t = 0; t < tiles; ++t) {
      transform_input(v + t * s.c, from, {x}, zeros, s, first + t);
      transform_gradient(m, to, tiles, t, db, g, s, first + t);
    }
    for (Index f = 0; f < 16; ++f) {
      multiply_panels(du + f * s.c * s.o, s.o, {v + f * from, 1, s.c}, s.c, m + f * to, s.o, tiles,
                      true);
    }
  }
}

// dw = Gᵀ du G.
void finish_weight_grad(float* dw, const float* du, int parts, Index stride, const WinogradShape& s,
                        Index begin, Index end) {
  const Float half = splat<Float>(0.5f);
  for (Index place = begin * s.o; place < end * s.o; place += lanes) {
    Float columns[3][4];
    for (int j = 0; j < 4; ++j) {
      Float d[4] = {};
      for (int part = 0; part < parts; ++part) {
        for (int i = 0; i < 4; ++i) {
          d[i] += load<Float>(du + part * stride + (4 * i + j) * s.c * s.o + place);
        }
      }
      columns[0][j] = d[0] + half * (d[1] + d[2]);
      columns[1][j] = half * (d[1] - d[2]);
      columns[2][j] = half * (d[1] + d[2]) + d[3];
    }
    for (int i = 0; i < 3; ++i) {
      const Float* d = columns[i];
      store<Float>(dw + (3 * i) * s.c * s.o + place, d[0] + half * (d[1] + d[2]));
      store<Float>(dw + (3 * i + 1) * s.c * s.o + place, half * (d[1] - d[2]));
      store<Float>(dw + (3 * i + 2) * s.c * s.o + place, half * (d[1] + d[2]) + d[3]);
    }
  }
}

// u = G w Gᵀ of one vector of neighbouring weights; `stride` floats from tap to tap.
Tile transform_filter(const float* w, Index stride) {
  const Float half = splat<Float>(0.5f);
  Float rows[4][3];
  for (int j = 0; j < 3; ++j) {
    const Float w0 = load<Float>(w + j * stride), w1 = load<Float>(w + (3 + j) * stride),
                w2 = load<Float>(w + (6 + j) * stride);
    rows[0][j] = w0;
    rows[1][j] = half * (w0 + w1 + w2);
    rows[2][j] = half * (w0 - w1 + w2);
    rows[3][j] = w2;
  }
  Tile u;
  for (int i = 0; i < 4; ++i) {
    const Float* w3 = rows[i];
    u.at[i][0] = w3[0];
    u.at[i][1] = half * (w3[0] + w3[1] + w3[2]);
    u.at[i][2] = half * (w3[0] - w3[1] + w3[2]);
    u.at[i][3] = w3[2];
  }
  return u;
}

Index panel_place(Index k, Index j, Index depth, Index columns) {
  const Index begin = j / panel * panel;
  return begin * depth + k * panel_width(begin, columns) + (j - begin);
}

void transform_weights(float* u, const float* w, const WinogradShape& s, Index begin, Index end) {
  const Index matrix = s.c * s.o;
  for (Index c = begin; c < end; ++c) {
    for (Index o = 0; o < s.o; o += lanes) {
      const Tile t = transform_filter(w + c * s.o + o, matrix);
      float* to = u + panel_place(c, o, s.c, s.o);
      for (int f = 0; f < 16; ++f) store<Float>(to + f * matrix, t.at[f / 4][f % 4]);
    }
  }
}

void transform_turned_weights(float* u, const float* w, const WinogradShape& s, Index begin,
                              Index end) {
  const Index matrix = s.c * s.o;
  constexpr int turned[4] = {3, 1, 2, 0};  // turning w exchanges the first and last rows of G w
  for (Index c = begin; c < end; c += lanes) {
    for (Index o = 0; o < s.o; ++o) {
      const Tile t = transform_filter(w + o * s.c + c, matrix);
      for (int f = 0; f < 16; ++f) {
        const Float value = t.at[turned[f / 4]][turned[f % 4]];
        for (Index lane = 0; lane < lanes; ++lane) {
          u[f * matrix + panel_place(c + lane, o, s.c, s.o)] = value[lane];
        }
      }
    }
  }
}

}  // namespace

WinogradKernels winograd_kernels() {
  return {transform_weights, transform_turned_weights, forward, weight_grad, finish_weight_grad};
}

}  // namespace sloy::SLOY_ISA
