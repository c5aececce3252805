// bfloat16, the upper half of a float32: rounded to nearest, ties to even; NaN stays NaN, made
// quiet.
#pragma once

#include "kernels/simd/vector.h"

namespace sloy::SLOY_ISA {

using Half = std::uint16_t;
using Halves = Half __attribute__((vector_size(lanes * 2)));
using HalvesInMemory = Half __attribute__((vector_size(lanes * 2), aligned(2), may_alias));

// The float32 bits of the rounded value: the lower half is 0.
template <class Word>
inline Word rounded_bits(Word bits, Word is_nan) {
  const Word nearest = bits + 0x7fffU + ((bits >> 16) & 1U);
  return (is_nan ? bits | 0x400000U : nearest) & 0xffff0000U;
}

inline Uint rounded_bits(Float x) {
  return rounded_bits(reinterpret_cast<Uint>(x), reinterpret_cast<Uint>(x != x));
}

inline Float round_to_bfloat16(Float x) { return reinterpret_cast<Float>(rounded_bits(x)); }

inline Float load_bfloat16(const Half* at) {
  const Halves halves = *reinterpret_cast<const HalvesInMemory*>(at);
  return reinterpret_cast<Float>(__builtin_convertvector(halves, Uint) << 16);
}

inline void store_bfloat16(Half* at, Float x) {
  *reinterpret_cast<HalvesInMemory*>(at) = __builtin_convertvector(rounded_bits(x) >> 16, Halves);
}

inline float widen(Half x) {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(x) << 16);
}

inline Half narrow(float x) {
  const auto bits = __builtin_bit_cast(std::uint32_t, x);
  return static_cast<Half>(rounded_bits<std::uint32_t>(bits, x != x ? 1U : 0U) >> 16);
}

// Kernels over elements of either type: they compute in float32, and what they store is rounded
// already.
inline Float load_float(const float* at) { return load<Float>(at); }
inline Float load_float(const Half* at) { return load_bfloat16(at); }
inline void store_float(float* at, Float x) { store<Float>(at, x); }
inline void store_float(Half* at, Float x) {
  *reinterpret_cast<HalvesInMemory*>(at) =
      __builtin_convertvector(reinterpret_cast<Uint>(x) >> 16, Halves);
}
inline float as_float(float x) { return x; }
inline float as_float(Half x) { return widen(x); }
inline void assign(float& to, float x) { to = x; }
inline void assign(Half& to, float x) {
  to = static_cast<Half>(__builtin_bit_cast(std::uint32_t, x) >> 16);
}

}  // namespace sloy::SLOY_ISA
