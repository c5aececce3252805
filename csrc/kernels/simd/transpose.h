// Transposition of matrices with few columns, by squares of one register's width.
#pragma once

#include "kernels/simd/vector.h"

namespace sloy::SLOY_ISA {

#if defined(__AVX512F__)
inline constexpr Int places = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#elif defined(__AVX2__)
inline constexpr Int places = {0, 1, 2, 3, 4, 5, 6, 7};
#else
inline constexpr Int places = {0, 1, 2, 3};
#endif

// Blocks of `distance` change sides: (a b; c d) -> (a c; b d).
template <int distance>
inline void exchange_blocks(Float (&rows)[lanes]) {
#pragma GCC unroll 16
  for (int i = 0; i < lanes; ++i) {
    if ((i & distance) != 0) continue;
    const Float a = rows[i], b = rows[i + distance];
    const Int from_b = (places & distance) != 0;
    rows[i] = shuffled(a, b, places + (from_b & (lanes - distance)));
    rows[i + distance] = shuffled(a, b, places + (from_b & lanes) + (~from_b & distance));
  }
}

inline void transpose_square(Float (&rows)[lanes]) {
  exchange_blocks<1>(rows);
  exchange_blocks<2>(rows);
  if constexpr (lanes >= 8) exchange_blocks<4>(rows);
  if constexpr (lanes >= 16) exchange_blocks<8>(rows);
}

// to (columns, rows), lines `apart` floats apart and at least `rows` rounded up to whole registers
// long, what is beyond becomes 0; from (rows, columns), lines `stride` floats apart, of which
// `room` floats are there to be read.
inline void transpose_in(float* to, std::int64_t apart, const float* from, std::int64_t stride,
                         std::int64_t rows, std::int64_t columns, std::int64_t room) {
  for (std::int64_t row = 0; row < rows; row += lanes) {
    for (std::int64_t column = 0; column < columns; column += lanes) {
      const float* corner = from + row * stride + column;
      const std::int64_t filled = rows - row < lanes ? rows - row : lanes;
      const std::int64_t readable = room - (corner - from);
      Float square[lanes];
      const bool whole = (filled - 1) * stride + lanes <= readable;
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) {
        const float* at = corner + i * stride;
        square[i] = Float{};
        if (i < filled) square[i] = whole ? load<Float>(at) : load_part(at, readable - i * stride);
      }
      transpose_square(square);
      float* line = to + column * apart + row;
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) {
        if (column + i < columns) store<Float>(line + i * apart, square[i]);
      }
    }
  }
}

// Of each of `count` registers the first `wanted` floats, lines `apart` floats apart. What is too
// much of a line, the next one overwrites: up to `room` floats from `to` on may be written.
inline void store_lines(float* to, std::int64_t apart, const Float (&lines)[lanes],
                        std::int64_t count, std::int64_t wanted, std::int64_t room) {
#pragma GCC unroll 16
  for (int i = 0; i < lanes; ++i) {
    if (i >= count) continue;
    float* line = to + i * apart;
    if (i * apart + lanes <= room) {
      store<Float>(line, lines[i]);
    } else {
      float rest[lanes];
      store<Float>(rest, lines[i]);
      for (std::int64_t lane = 0; lane < wanted; ++lane) line[lane] = rest[lane];
    }
  }
}

// to (rows, columns) dense, from (columns, rows), lines `apart` floats apart and `rows` rounded up
// to whole registers long.
inline void transpose_out(float* to, const float* from, std::int64_t apart, std::int64_t rows,
                          std::int64_t columns) {
  for (std::int64_t row = 0; row < rows; row += lanes) {
    for (std::int64_t column = 0; column < columns; column += lanes) {
      const float* line = from + column * apart + row;
      Float square[lanes];
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) {
        square[i] = Float{};
        if (column + i < columns) square[i] = load<Float>(line + i * apart);
      }
      transpose_square(square);
      float* corner = to + row * columns + column;
      const std::int64_t wanted = columns - column < lanes ? columns - column : lanes;
      const std::int64_t room = wanted == lanes || columns <= lanes ? (rows - row) * columns : 0;
      store_lines(corner, columns, square, rows - row, wanted, room);
    }
  }
}

}  // namespace sloy::SLOY_ISA
