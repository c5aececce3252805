// Vectors of one register's width, by GCC's vector extensions: the same source for SSE2, AVX2 and
// AVX-512. Everything here lives in the namespace SLOY_ISA and uses no inline function of a
// library, because the linker keeps only one copy of such a function and may keep one that this
// machine cannot run.
#pragma once

#include <cstdint>

#pragma GCC diagnostic ignored "-Wpsabi"  // wide vectors never cross a call between objects

namespace sloy::SLOY_ISA {

#if defined(__AVX512F__)
inline constexpr int lanes = 16;
#elif defined(__AVX2__)
inline constexpr int lanes = 8;
#else
inline constexpr int lanes = 4;
#endif

using Float = float __attribute__((vector_size(lanes * 4)));
using Int = std::int32_t __attribute__((vector_size(lanes * 4)));
using Uint = std::uint32_t __attribute__((vector_size(lanes * 4)));
using Double = double __attribute__((vector_size(lanes * 8)));
using Long = std::int64_t __attribute__((vector_size(lanes * 8)));

// The scalar behind a vector, the vector behind a scalar, and a vector in memory at any address.
template <class Vector>
struct Lane;
template <>
struct Lane<Float> {
  using type = float;
  using Memory = float __attribute__((vector_size(lanes * 4), aligned(4), may_alias));
};
template <>
struct Lane<Int> {
  using type = std::int32_t;
  using Memory = std::int32_t __attribute__((vector_size(lanes * 4), aligned(4), may_alias));
};
template <>
struct Lane<Uint> {
  using type = std::uint32_t;
  using Memory = std::uint32_t __attribute__((vector_size(lanes * 4), aligned(4), may_alias));
};

// Clang, of which ThreadSanitizer's build is made, forgets the alignment of a type that depends on
// a template's argument.
template <class Vector>
inline Vector load(const void* at) {
#if defined(__clang__)
  Vector value;
  __builtin_memcpy(&value, at, sizeof value);
  return value;
#else
  return *static_cast<const typename Lane<Vector>::Memory*>(at);
#endif
}

template <class Vector>
inline void store(void* at, Vector value) {
#if defined(__clang__)
  __builtin_memcpy(at, &value, sizeof value);
#else
  *static_cast<typename Lane<Vector>::Memory*>(at) = value;
#endif
}

// The first `count` floats of a register, all of it where there are more; the others 0. By masks:
// what went through memory lane by lane waits to be read at once.
inline Float load_part(const float* at, std::int64_t count) {
#if defined(__AVX512F__)
  const auto mask = static_cast<std::uint16_t>(count < lanes ? (1u << count) - 1 : 0xffff);
  return __builtin_ia32_loadups512_mask(at, Float{}, mask);
#else
  Float value{};
  for (std::int64_t lane = 0; lane < count && lane < lanes; ++lane) value[lane] = at[lane];
  return value;
#endif
}

// Fewer than a register holds.
inline void store_part(float* at, Float value, std::int64_t count) {
#if defined(__AVX512F__)
  __builtin_ia32_storeups512_mask(at, value, static_cast<std::uint16_t>((1u << count) - 1));
#else
  for (std::int64_t lane = 0; lane < count; ++lane) at[lane] = value[lane];
#endif
}

// Lanes of two vectors, those of `b` counted from `lanes` on. Clang has no such instruction with
// places that are not constants.
inline Float shuffled(Float a, Float b, Int places) {
#if defined(__clang__)
  Float chosen;
  for (int i = 0; i < lanes; ++i) {
    const int place = places[i] & (2 * lanes - 1);
    chosen[i] = place < lanes ? a[place] : b[place - lanes];
  }
  return chosen;
#else
  return __builtin_shuffle(a, b, places);
#endif
}

template <class Vector>
inline Vector splat(typename Lane<Vector>::type value) {
  return Vector{} + value;
}

// `Vector{} + value` turns -0 into 0, so a float goes through its bits.
template <>
inline Float splat<Float>(float value) {
  return reinterpret_cast<Float>(Int{} + __builtin_bit_cast(std::int32_t, value));
}

// NaN stays.
inline Float between(Float x, Float low, Float high) {
  x = low > x ? low : x;
  return high < x ? high : x;
}

// Signed sums that may leave the range (the bits of NaN do) wrap around.
inline Int wrapping_add(Int x, std::int32_t y) {
  return reinterpret_cast<Int>(reinterpret_cast<Uint>(x) + static_cast<std::uint32_t>(y));
}

// NaN stays. One instruction, which GCC does not find where it knows the bound to be constant.
inline Float at_most(Float x, float bound) {
  Float most = splat<Float>(bound);
  __asm__("" : "+v"(most));
  return most < x ? most : x;
}
inline Float at_least(Float x, float bound) {
  Float least = splat<Float>(bound);
  __asm__("" : "+v"(least));
  return least > x ? least : x;
}

inline Int bits(Float x) { return reinterpret_cast<Int>(x); }
inline Float from_bits(Int x) { return reinterpret_cast<Float>(x); }
inline Float magnitude(Float x) { return from_bits(bits(x) & 0x7fffffff); }
inline Float with_sign(Float size, Float sign) {
  return from_bits((bits(size) & 0x7fffffff) | (bits(sign) & INT32_MIN));
}

}  // namespace sloy::SLOY_ISA
