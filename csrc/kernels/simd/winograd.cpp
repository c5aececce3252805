// y = Aᵀ [(G w Gᵀ) ⊙ (Bᵀ x B)] A on 4 × 4 tiles of x that give 2 × 2 tiles of y, with
//   Bᵀ = 1  0 -1  0     G =  1    0    0     Aᵀ = 1  1  1  0
//        0  1  1  0         1/2  1/2  1/2         0  1 -1 -1
//        0 -1  1  0         1/2 -1/2  1/2
//        0  1  0 -1          0    0    1
// ⊙ summed over input channels is 16 matrix products. Transposing the formula gives the gradient of
// w:
//   dw = Gᵀ [Σ over tiles of (Bᵀ x B) ⊙ (A g Aᵀ)] G.
#include "kernels/simd/winograd.h"

#include "kernels/simd/activate.h"
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

// v[f][c] = (Bᵀ d B)[f] where d is the 4 × 4 tile of x whose element k begins at pixel(k).
template <class Pixel>
inline void transform_tile(float* __restrict v, Index stride, Index channels, Pixel&& pixel) {
  for (Index c = 0; c < channels; c += lanes) {
    Tile t;
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) t.at[i][j] = load<Float>(pixel(i, j) + c);
      input_transform(t.at[i][0], t.at[i][1], t.at[i][2], t.at[i][3]);
    }
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      input_transform(t.at[0][j], t.at[1][j], t.at[2][j], t.at[3][j]);
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) store<Float>(v + (4 * i + j) * stride + c, t.at[i][j]);
    }
  }
}

// v[f][t][c] = (Bᵀ x B)[f] for the tile number `tile`; `v` is at [0][t][0], `stride` floats per f.
// zeros (C,) stand outside of the image.
void transform_input(float* v, Index stride, const float* x, const float* zeros,
                     const WinogradShape& s, Index tile) {
  const TilePlace p = place_of(tile, s);
  const Index top = p.row - s.top, left = p.column - s.left;
  const float* corner = x + ((p.image * s.h + top) * s.w + left) * s.c;
  const Index row = s.w * s.c;
  if (top >= 0 && left >= 0 && top + 4 <= s.h && left + 4 <= s.w) {
    transform_tile(v, stride, s.c, [&](int i, int j) { return corner + i * row + j * s.c; });
    return;
  }
  const float* pixels[4][4];
  for (Index i = 0; i < 4; ++i) {
    for (Index j = 0; j < 4; ++j) {
      const bool inside = top + i >= 0 && top + i < s.h && left + j >= 0 && left + j < s.w;
      pixels[i][j] = inside ? corner + i * row + j * s.c : zeros;
    }
  }
  transform_tile(v, stride, s.c, [&](int i, int j) { return pixels[i][j]; });
}

// y's 2 × 2 tile = activation(Aᵀ m A + bias); `m` is at [0][t][0], `stride` floats per f.
void transform_output(float* y, const float* m, Index stride, const float* bias,
                      Activation activation, const WinogradShape& s, Index tile) {
  const TilePlace p = place_of(tile, s);
  const Index rows = p.row + 1 < s.oh ? 2 : 1;
  const Index columns = p.column + 1 < s.ow ? 2 : 1;
  float* corner = y + ((p.image * s.oh + p.row) * s.ow + p.column) * s.o;
  for (Index o = 0; o < s.o; o += lanes) {
    Float half[2][4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      const float* from = m + j * stride + o;
      const Float m0 = load<Float>(from), m1 = load<Float>(from + 4 * stride);
      const Float m2 = load<Float>(from + 8 * stride), m3 = load<Float>(from + 12 * stride);
      half[0][j] = m0 + m1 + m2;
      half[1][j] = m1 - m2 - m3;
    }
    const Float shift = bias != nullptr ? load<Float>(bias + o) : Float{};
    for (Index i = 0; i < rows; ++i) {
      const Float* row = half[i];
      float* to = corner + i * s.ow * s.o + o;
      store<Float>(to, activate(row[0] + row[1] + row[2] + shift, activation));
      if (columns == 2) {
        store<Float>(to + s.o, activate(row[1] - row[2] - row[3] + shift, activation));
      }
    }
  }
}

void fill_zeros(float* to, Index size) {
  for (Index i = 0; i < size; ++i) to[i] = 0.0f;
}

void forward(float* y, const float* x, const float* u, const float* bias, Activation activation,
             float* work, const WinogradShape& s, Index begin, Index end) {
  const Index block = s.block();
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
      transform_output(y, m + t * s.o, to, bias, activation, s, first + t);
    }
  }
}

// m[f][o in panels][t] = (A g Aᵀ)[f] for the tile `tile`, which is the t-th of `tiles`; db += its
// g.
void transform_gradient(float* m, Index stride, Index tiles, Index t, float* db, const float* g,
                        const WinogradShape& s, Index tile) {
  const TilePlace p = place_of(tile, s);
  const bool below = p.row + 1 < s.oh, beside = p.column + 1 < s.ow;
  const float* corner = g + ((p.image * s.oh + p.row) * s.ow + p.column) * s.o;
  for (Index o = 0; o < s.o; o += lanes) {
    const Float g00 = load<Float>(corner + o);
    const Float g01 = beside ? load<Float>(corner + s.o + o) : Float{};
    const Float g10 = below ? load<Float>(corner + s.ow * s.o + o) : Float{};
    const Float g11 = below && beside ? load<Float>(corner + (s.ow + 1) * s.o + o) : Float{};
    if (db != nullptr) store<Float>(db + o, load<Float>(db + o) + ((g00 + g01) + (g10 + g11)));
    const Float left[4] = {g00, g00 + g10, g00 - g10, -g10};
    const Float right[4] = {g01, g01 + g11, g01 - g11, -g11};
    const Index begin = o / panel * panel;
    float* to = m + begin * tiles + t * panel_width(begin, s.o) + (o - begin);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      store<Float>(to + (4 * i) * stride, left[i]);
      store<Float>(to + (4 * i + 1) * stride, left[i] + right[i]);
      store<Float>(to + (4 * i + 2) * stride, left[i] - right[i]);
      store<Float>(to + (4 * i + 3) * stride, -right[i]);
    }
  }
}

void weight_grad(float* du, float* db, const float* x, const float* g, float* work,
                 const WinogradShape& s, Index begin, Index end) {
  const Index block = s.block();
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
      transform_input(v + t * s.c, from, x, zeros, s, first + t);
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

void transform_weights(float* u, const float* w, const WinogradShape& s) {
  const Index matrix = s.c * s.o;
  for (Index c = 0; c < s.c; ++c) {
    for (Index o = 0; o < s.o; o += lanes) {
      const Tile t = transform_filter(w + c * s.o + o, matrix);
      float* to = u + panel_place(c, o, s.c, s.o);
      for (int f = 0; f < 16; ++f) store<Float>(to + f * matrix, t.at[f / 4][f % 4]);
    }
  }
}

void transform_turned_weights(float* u, const float* w, const WinogradShape& s) {
  const Index matrix = s.c * s.o;
  constexpr int turned[4] = {3, 1, 2, 0};  // turning w exchanges the first and last rows of G w
  for (Index o = 0; o < s.o; ++o) {
    for (Index c = 0; c < s.c; c += lanes) {
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
