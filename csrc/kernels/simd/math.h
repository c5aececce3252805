// Elementary functions on vectors of float, each within 2 ulp of the exact value (tests/engines
// measure it), right at signed zeros, infinities, NaN, subnormal numbers and where the result
// overflows. The polynomials are minimax fits by iteratively reweighted least squares over the
// stated interval.
#pragma once

#include "kernels/simd/vector.h"

namespace sloy::SLOY_ISA {

inline constexpr float infinity = __builtin_inff();
inline constexpr float log2_e = 1.44269504088896341f;
inline constexpr float ln2_high =
    0x1.62e4p-1f;  // 15 bits: its product with a small integer is exact
inline constexpr float ln2_low = 0x1.7f7d1cp-20f;
inline constexpr float round_shift = 0x1.8p23f;  // adding and subtracting it rounds to an integer

inline Float two_to(Int n) { return from_bits(wrapping_add(n, 127) << 23); }

// x = n ln2 + r with |r| <= ln2 / 2, for |x| < 150.
struct Reduced {
  Int n;
  Float r;
};

inline Reduced reduce_by_ln2(Float x) {
  const Float shifted = x * log2_e + round_shift;
  const Float n = shifted - round_shift;
  return {wrapping_add(bits(shifted), -__builtin_bit_cast(std::int32_t, round_shift)),
          (x - n * ln2_high) - n * ln2_low};
}

// exp(r) for |r| <= ln2 / 2.
inline Float exponential_of_rest(Float r) {
  Float p = r * 0x1.6a2256p-10f + 0x1.123b02p-7f;
  p = p * r + 0x1.55589p-5f;
  p = p * r + 0x1.55549p-3f;
  p = p * r + 0x1.fffffcp-2f;
  return (r * r) * p + r + 1.0f;
}

inline Float exponential(Float x) {
  const Float clamped = at_least(at_most(x, 89.0f), -104.0f);
  const auto [n, r] = reduce_by_ln2(clamped);
  const Float p = exponential_of_rest(r);
  const Int half = n >> 1;  // two factors, so that neither overflows or is subnormal
  const Float y = p * two_to(half) * two_to(n - half);
  return x == x ? y : x;
}

// exp(x) - 1 without the cancellation near 0.
inline Float exponential_minus_one(Float x) {
  const Float clamped = at_least(at_most(x, 89.0f), -30.0f);
  const auto [n, r] = reduce_by_ln2(clamped);
  Float p = r * 0x1.a032d4p-13f + 0x1.6d7342p-10f;
  p = p * r + 0x1.11118ap-7f;
  p = p * r + 0x1.5554bp-5f;
  p = p * r + 0x1.555554p-3f;
  p = p * r + 0.5f;
  const Float small = r + (r * r) * p;
  const Float scale = two_to(wrapping_add(n, -1));  // 2^n itself would overflow at the top
  const Float y = 2.0f * (scale * small + (scale - 0.5f));
  const Float exact_near_zero = n == 0 ? small : y;
  const Float kept = magnitude(x) < 0x1p-25f ? x : exact_near_zero;  // keeps -0
  return x == x ? kept : x;
}

// log(u + low) for u > 0, |low| at most half an ulp of u; 0 unless `has_low`.
template <bool has_low>
inline Float logarithm_of_sum(Float u, Float low) {
  const auto subnormal = u < 0x1p-126f;
  const Float scaled = subnormal ? u * 0x1p23f : u;
  // m in [sqrt(1/2), sqrt(2)); unsigned, because a negative or NaN x, replaced later, would
  // overflow
  const Int offset = reinterpret_cast<Int>(reinterpret_cast<Uint>(scaled) - 0x3f3504f3u);
  const Int e = offset >> 23;
  const Float m = from_bits((offset & 0x7fffff) + 0x3f3504f3);
  const Int exponent = subnormal ? e - 23 : e;
  Float f = m - 1.0f;
  if constexpr (has_low) f = f + low * two_to(e > 126 ? Int{} - 126 : -e);
  Float p = f * -0x1.e800e2p-5f + 0x1.b334f4p-4f;
  p = p * f + -0x1.bb6734p-4f;
  p = p * f + 0x1.c41df2p-4f;
  p = p * f + -0x1.fce13ep-4f;
  p = p * f + 0x1.248e58p-3f;
  p = p * f + -0x1.5563d2p-3f;
  p = p * f + 0x1.999a1ap-3f;
  p = p * f + -0x1.ffffd4p-3f;
  p = p * f + 0x1.555554p-2f;
  const Float n = __builtin_convertvector(exponent, Float);
  const Float square = f * f;
  Float tail = (square * f) * p + n * ln2_low;
  tail = tail - 0.5f * square;
  return (f + tail) + n * ln2_high;
}

inline Float logarithm(Float x) {
  Float y = logarithm_of_sum<false>(x, Float{});
  y = x == infinity ? x : y;
  y = x == 0.0f ? splat<Float>(-infinity) : y;
  return x >= 0.0f ? y : splat<Float>(__builtin_nanf(""));
}

inline Float logarithm_of_one_plus(Float x) {
  const Float u = 1.0f + x;
  const Float low = magnitude(x) < 1.0f ? x - (u - 1.0f) : 1.0f - (u - x);
  Float y = logarithm_of_sum<true>(u, low);
  y = magnitude(x) < 0x1p-25f ? x : y;  // keeps -0
  y = x == infinity ? x : y;
  y = x == -1.0f ? splat<Float>(-infinity) : y;
  return x >= -1.0f ? y : splat<Float>(__builtin_nanf(""));
}

// 1 / (1 + exp(-x)), by exp(-|x|), which never overflows.
inline Float logistic(Float x) {
  const Float e = exponential(-magnitude(x));
  return (x < 0.0f ? e : splat<Float>(1.0f)) / (1.0f + e);
}

// log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|)).
inline Float soft_plus(Float x) {
  const Float y = logarithm_of_one_plus(exponential(-magnitude(x)));
  return (x < 0.0f ? Float{} : x) + y;
}

// With a = n ln2 / 2, r = |x| - a, t = tanh(r) and tanh(a) = (2^n - 1) / (2^n + 1):
// tanh(a + r) = (tanh(a) + t) / (1 + tanh(a) t) = (d - 2 (1 - t)) / d, d = (2^n + 1) + (2^n - 1) t.
// d is rounded once for both, so its error fades where the quotient nears 1; for n = 0 the quotient
// is t.
inline Float hyperbolic_tangent(Float x) {
  constexpr float base = 0x1.8p22f + 127.0f;  // a sum with it is a multiple of 1/2, n its floor
  const Float size = at_most(magnitude(x), 10.0f);
  const Float shifted = from_bits(bits(size * (2.0f * log2_e) + base) & -2);
  const Float scale = from_bits(bits(shifted) << 22);       // 2^n
  const Float r = size - (shifted - base) * 0x1.62e43p-2f;  // in ln2 / 2 · [-1/4, 3/4]
  const Float z = r * r;
  Float p = z * -0x1.a3a21ep-5f + 0x1.10d946p-3f;
  p = p * z + -0x1.555506p-2f;
  const Float t = (r * z) * p + r;
  const Float d = t * (scale - 1.0f) + (scale + 1.0f);
  const Float y = (2.0f * t + (d - 2.0f)) / d;
  return from_bits(bits(y) | (bits(x) & INT32_MIN));  // keeps -0
}

inline Float error_function(Float x) {
  const Float z = x * x;
  Float p = z * -0x1.438406p-17f + 0x1.d82692p-14f;
  p = p * z + -0x1.bcbe9ap-11f;
  p = p * z + 0x1.5628eep-8f;
  p = p * z + -0x1.b829a8p-6f;
  p = p * z + 0x1.ce2f08p-4f;
  p = p * z + -0x1.812746p-2f;
  p = p * z + 0x1.06eba8p-3f;  // 2/sqrt(pi) - 1, so that the leading term is exact
  const Float small = x + x * p;
  // log(erfc(a)) on [1, 4]; beyond it erf is 1 in float.
  Float a = magnitude(x);
  a = a < 4.0f ? a : splat<Float>(4.0f);
  Float q = a * -0x1.6bd7e2p-16f + 0x1.cec6p-12f;
  q = q * a + -0x1.138cbcp-8f;
  q = q * a + 0x1.9d0304p-6f;
  q = q * a + -0x1.bc1516p-4f;
  q = q * a + -0x1.443566p-1f;
  q = q * a + -0x1.212c0cp+0f;
  q = q * a + 0x1.8a574ap-13f;
  const Float large = with_sign(1.0f - exponential(q), x);
  const Float y = magnitude(x) < 1.0f ? small : large;
  return x == x ? y : x;
}

// The largest integer that is at most x. Floats from 2^23 on are integers; below, adding 2^23
// leaves the nearest integer, exactly. -0, infinities and NaN stay.
inline Float round_down(Float x) {
  const Float size = magnitude(x);
  const Float nearest = with_sign((size + 0x1p23f) - 0x1p23f, x);
  const Float below = nearest > x ? nearest - 1.0f : nearest;
  return size < 0x1p23f ? below : x;
}

// x = n π/2 + (r + low) for any finite x, |r| <= π/4 up to rounding, n modulo 4.
struct Quarter {
  Int n;
  Float r, low;
};

// The lanes beyond 2^24, infinities and NaN. A turn is 2^64: m 2^e / 2π, with m of 24 bits, is m
// times the bits of 1 / 2π from bit e on, of which 96 leave a relative error of 2^-30 even for the
// float that is nearest to a multiple of π/2.
__attribute__((noinline)) inline void reduce_large_by_half_pi(const Float& x, Quarter& out) {
  constexpr std::uint32_t inverse_of_2_pi[] = {0x28be60dbu, 0x9391054au, 0x7f09d5f4u, 0x7d4d3770u,
                                               0x36d8a566u, 0x4f10e410u, 0x7f9458eau};
  for (int lane = 0; lane < lanes; ++lane) {
    const float value = x[lane];
    const auto word = __builtin_bit_cast(std::uint32_t, value) & 0x7fffffffu;
    if (word < 0x4b800000u) continue;
    if (word >= 0x7f800000u) {
      out.r[lane] = value - value;
      out.low[lane] = 0.0f;
      continue;
    }
    const std::uint64_t mantissa = (word & 0x7fffffu) | 0x800000u;
    const std::uint32_t exponent = (word >> 23) - 150u;  // from 1 to 104
    const std::uint32_t* from = inverse_of_2_pi + exponent / 32;
    const std::uint32_t shift = exponent % 32;
    std::uint32_t window[3];
    for (int i = 0; i < 3; ++i) {
      const std::uint64_t pair = (std::uint64_t{from[i]} << 32) | from[i + 1];
      window[i] = static_cast<std::uint32_t>(pair << shift >> 32);
    }
    const std::uint64_t turn =
        mantissa * ((std::uint64_t{window[0]} << 32) | window[1]) + (mantissa * window[2] >> 32);
    const std::uint64_t n = (turn + (std::uint64_t{1} << 61)) >> 62;
    const auto rest = static_cast<std::int64_t>(turn - (n << 62));
    const bool negative = value < 0.0f;
    const double turned = static_cast<double>(rest) * 0x1.921fb54442d18p-62;  // 2π / 2^64
    const double r = negative ? -turned : turned;
    out.n[lane] = static_cast<std::int32_t>(negative ? 4 - n : n);
    out.r[lane] = static_cast<float>(r);
    out.low[lane] = static_cast<float>(r - static_cast<double>(out.r[lane]));
  }
}

// Up to 2^24 in doubles: n times the first 27 bits of π/2 is exact, and so is the difference.
inline Quarter reduce_by_half_pi(Float x) {
  const Int large = magnitude(x) < 0x1p24f ? Int{} : Int{} - 1;
  const Double wide = __builtin_convertvector(from_bits(bits(x) & ~large), Double);
  const Double n = (wide * 0x1.45f306dc9c883p-1 + 0x1.8p52) - 0x1.8p52;
  const Double rest = (wide - n * 0x1.921fb54p+0) - n * 0x1.10b4611a62633p-30;
  const Float r = __builtin_convertvector(rest, Float);
  const Float low = __builtin_convertvector(rest - __builtin_convertvector(r, Double), Float);
  Quarter found = {__builtin_convertvector(n, Int), r, low};
  std::int32_t any = 0;
  for (int lane = 0; lane < lanes; ++lane) any |= large[lane];
  if (__builtin_expect(any != 0, 0)) reduce_large_by_half_pi(x, found);
  return found;
}

// sin(q.r + q.low + n π/2) for n modulo 4.
inline Float sine_of_quarter(const Quarter& q, Int n) {
  const Float z = q.r * q.r;
  Float p = z * -0x1.9943b4p-13f + 0x1.11073ap-7f;
  p = p * z + -0x1.555546p-3f;
  const Float sine = with_sign(q.r + ((q.r * z) * p + q.low), q.r);  // keeps -0
  Float c = z * 0x1.99eb74p-16f + -0x1.6c0c34p-10f;
  c = c * z + 0x1.55554ap-5f;
  c = c * z - 0.5f;
  const Float cosine = 1.0f + (c * z - q.r * q.low);
  const Float y = (n & 1) != 0 ? cosine : sine;
  return from_bits(bits(y) ^ ((n & 2) << 30));
}

inline Float sine(Float x) {
  const Quarter q = reduce_by_half_pi(x);
  return sine_of_quarter(q, q.n);
}

inline Float cosine(Float x) {
  const Quarter q = reduce_by_half_pi(x);
  return sine_of_quarter(q, wrapping_add(q.n, 1));
}

// log2 of positive finite doubles, and 2^t for |t| < 1000, each to about 1e-12: what a float power
// needs.
inline Double log2_double(const Double& x) {
  const Long offset = reinterpret_cast<Long>(x) - 0x3fe6a09e667f3bcdLL;
  const Long e = offset >> 52;
  const Double m = reinterpret_cast<Double>((offset & 0xfffffffffffffLL) + 0x3fe6a09e667f3bcdLL);
  const Double s = (m - 1.0) / (m + 1.0);  // log(m) = 2 artanh(s), |s| < 0.1716
  const Double z = s * s;
  Double p = z * (1.0 / 17) + 1.0 / 15;
  p = p * z + 1.0 / 13;
  p = p * z + 1.0 / 11;
  p = p * z + 1.0 / 9;
  p = p * z + 1.0 / 7;
  p = p * z + 1.0 / 5;
  p = p * z + 1.0 / 3;
  p = p * z + 1.0;
  // An exponent below 2^31 in size as a double: through the bits of 2^52 + 2^51.
  const Double n = reinterpret_cast<Double>(e + 0x4338000000000000LL) - 0x1.8p52;
  return s * p * (2.0 * 1.4426950408889634074) + n;
}

inline Double exp2_double(const Double& t) {
  const Double shifted = t + 0x1.8p52;
  const Long n = reinterpret_cast<Long>(shifted) - 0x4338000000000000LL;
  const Double r = (t - (shifted - 0x1.8p52)) * 0.69314718055994530942;
  Double p = r * (1.0 / 3628800) + 1.0 / 362880;
  p = p * r + 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  return p * reinterpret_cast<Double>((n + 1023) << 52);
}

// pow(x, y) as C99 defines it.
inline Float power(Float x, Float y) {
  const Float size = magnitude(x);
  const Double exponent = __builtin_convertvector(y, Double);
  Double t = exponent * log2_double(__builtin_convertvector(size, Double));
  t = t > 400.0 ? t * 0.0 + 400.0 : t;
  t = t < -400.0 ? t * 0.0 - 400.0 : t;
  Float result = __builtin_convertvector(exp2_double(t), Float);
  const Float y_size = magnitude(y);
  const auto grows = (size > 1.0f) == (y > 0.0f);
  const auto extreme = (size == 0.0f) | (size == infinity) | (y_size == infinity);
  result = extreme ? (grows ? splat<Float>(infinity) : Float{}) : result;
  // Floats of at least 2^24 are even integers.
  const Float rounded = y_size < 0x1p23f ? (y_size + 0x1p23f) - 0x1p23f : y_size;
  const auto integer = rounded == y_size;
  const Float half = 0.5f * y_size;
  const Float half_rounded = half < 0x1p23f ? (half + 0x1p23f) - 0x1p23f : half;
  const auto odd = integer & (half_rounded != half);
  const auto negative = bits(x) < 0;
  result = (negative & odd) ? -result : result;
  const auto undefined = (x < 0.0f) & (size < infinity) & (~integer);
  result = undefined ? splat<Float>(__builtin_nanf("")) : result;
  result = (x == x) & (y == y) ? result : x + y;
  const auto one = (y == 0.0f) | (x == 1.0f) | ((x == -1.0f) & (y_size == infinity));
  return one ? splat<Float>(1.0f) : result;
}

}  // namespace sloy::SLOY_ISA
