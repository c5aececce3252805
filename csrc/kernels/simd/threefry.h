// One threefry2x32 block; Word is a scalar or a vector of uint32.
#pragma once

#include <cstdint>

namespace sloy::SLOY_ISA {

template <class Word>
struct Block {
  Word w0, w1;
};

template <int distance, class Word>
inline Word rotated(Word x) {
  return (x << distance) | (x >> (32 - distance));
}

template <int r0, int r1, int r2, int r3, class Word>
inline void four_rounds(Block<Word>& b) {
  b.w0 += b.w1, b.w1 = rotated<r0>(b.w1) ^ b.w0;
  b.w0 += b.w1, b.w1 = rotated<r1>(b.w1) ^ b.w0;
  b.w0 += b.w1, b.w1 = rotated<r2>(b.w1) ^ b.w0;
  b.w0 += b.w1, b.w1 = rotated<r3>(b.w1) ^ b.w0;
}

// Encrypts the counter (high, low) under the key (k0, k1).
template <class Word>
inline Block<Word> threefry2x32(std::uint32_t k0, std::uint32_t k1, Word high, Word low) {
  const std::uint32_t k2 = k0 ^ k1 ^ 0x1BD11BDAU;
  Block<Word> b{high + k0, low + k1};
  four_rounds<13, 15, 26, 6>(b);
  b.w0 += k1, b.w1 += k2 + 1U;
  four_rounds<17, 29, 16, 24>(b);
  b.w0 += k2, b.w1 += k0 + 2U;
  four_rounds<13, 15, 26, 6>(b);
  b.w0 += k0, b.w1 += k1 + 3U;
  four_rounds<17, 29, 16, 24>(b);
  b.w0 += k1, b.w1 += k2 + 4U;
  four_rounds<13, 15, 26, 6>(b);
  b.w0 += k2, b.w1 += k0 + 5U;
  return b;
}

}  // namespace sloy::SLOY_ISA
