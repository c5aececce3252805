// The elementwise ops, a function on vectors each, and the loops that run them.
#pragma once

#include "kernels/simd/bfloat16.h"
#include "kernels/simd/math.h"
#include "kernels/simd/tables.h"

namespace sloy::SLOY_ISA {

inline Float one_where(Int mask) {
  return from_bits(mask & __builtin_bit_cast(std::int32_t, 1.0f));
}
inline Int word_where(Int mask) { return mask & 1; }

// NaN wins, as in NumPy.
inline Float larger(Float a, Float b) { return ((a >= b) | (a != a)) ? a : b; }
inline Float smaller(Float a, Float b) { return ((a <= b) | (a != a)) ? a : b; }

inline Float square_root(Float x) {
#if defined(__clang__)
  for (int lane = 0; lane < lanes; ++lane) x[lane] = __builtin_sqrtf(x[lane]);
  return x;
#elif defined(__AVX512F__)
  return reinterpret_cast<Float>(__builtin_ia32_sqrtps512_mask(x, x, -1, 4));
#elif defined(__AVX2__)
  return __builtin_ia32_sqrtps256(x);
#elif defined(__SSE__)
  return __builtin_ia32_sqrtps(x);
#else
  for (int lane = 0; lane < lanes; ++lane) x[lane] = __builtin_sqrtf(x[lane]);
  return x;
#endif
}

inline Uint float_to_uint(Float x) {
  const auto high = x >= 0x1p31f;
  const Int low = __builtin_convertvector(high ? x - 0x1p31f : x, Int);
  return reinterpret_cast<Uint>(high ? low ^ INT32_MIN : low);
}

namespace ops {

// `In` and `Out` are the vectors of operands and result.
#define SLOY_UNARY(name, I, O, expression)     \
  struct name {                                \
    using In = I;                              \
    using Out = O;                             \
    static O apply(I x) { return expression; } \
  };
#define SLOY_BINARY(name, I, O, expression)         \
  struct name {                                     \
    using In = I;                                   \
    using Out = O;                                  \
    static O apply(I x, I y) { return expression; } \
  };
#define SLOY_TERNARY(name, I, O, expression)             \
  struct name {                                          \
    using In = I;                                        \
    using Out = O;                                       \
    static O apply(I x, I y, I z) { return expression; } \
  };

#define SLOY_OF_1 SLOY_UNARY
#define SLOY_OF_2 SLOY_BINARY
#define SLOY_OF_3 SLOY_TERNARY
#define X(op, operands, cost, form) SLOY_OF_##operands(op##_f, Float, Float, form)
SLOY_FUNCTIONS(X)
#undef X
#undef SLOY_OF_1
#undef SLOY_OF_2
#undef SLOY_OF_3

SLOY_UNARY(copy_w, Uint, Uint, x)
SLOY_UNARY(wrap_u8, Uint, Uint, x & 0xffU)
SLOY_UNARY(round_bf, Float, Float, round_to_bfloat16(x))
SLOY_UNARY(i_to_f, Int, Float, __builtin_convertvector(x, Float))
SLOY_UNARY(u_to_f, Uint, Float, __builtin_convertvector(x, Float))
SLOY_UNARY(f_to_i, Float, Int, __builtin_convertvector(x, Int))
SLOY_UNARY(f_to_u, Float, Uint, float_to_uint(x))
SLOY_UNARY(neg_f, Float, Float, -x)
SLOY_UNARY(abs_f, Float, Float, magnitude(x))
SLOY_UNARY(sign_f, Float, Float, x != x ? x : one_where(x > 0.0f) - one_where(x < 0.0f))
SLOY_UNARY(neg_i, Uint, Uint, 0U - x)
SLOY_UNARY(abs_i, Int, Uint,
           reinterpret_cast<Uint>(x < 0 ? 0U - reinterpret_cast<Uint>(x)
                                        : reinterpret_cast<Uint>(x)))
SLOY_UNARY(sign_i, Int, Int, word_where(x > 0) - word_where(x < 0))
SLOY_UNARY(sign_u, Uint, Int, word_where(x != 0U))

SLOY_BINARY(add_f, Float, Float, x + y)
SLOY_BINARY(sub_f, Float, Float, x - y)
SLOY_BINARY(mul_f, Float, Float, x* y)
SLOY_BINARY(maximum_f, Float, Float, larger(x, y))
SLOY_BINARY(minimum_f, Float, Float, smaller(x, y))
SLOY_BINARY(add_w, Uint, Uint, x + y)
SLOY_BINARY(sub_w, Uint, Uint, x - y)
SLOY_BINARY(mul_w, Uint, Uint, x* y)
SLOY_BINARY(maximum_i, Int, Int, x > y ? x : y)
SLOY_BINARY(minimum_i, Int, Int, x < y ? x : y)
SLOY_BINARY(maximum_u, Uint, Uint, x > y ? x : y)
SLOY_BINARY(minimum_u, Uint, Uint, x < y ? x : y)
SLOY_BINARY(equal_f, Float, Float, one_where(x == y))
SLOY_BINARY(not_equal_f, Float, Float, one_where(x != y))
SLOY_BINARY(less_f, Float, Float, one_where(x < y))
SLOY_BINARY(less_equal_f, Float, Float, one_where(x <= y))
SLOY_BINARY(equal_w, Int, Int, word_where(x == y))
SLOY_BINARY(not_equal_w, Int, Int, word_where(x != y))
SLOY_BINARY(less_i, Int, Int, word_where(x < y))
SLOY_BINARY(less_equal_i, Int, Int, word_where(x <= y))
SLOY_BINARY(less_u, Uint, Int, word_where(x < y))
SLOY_BINARY(less_equal_u, Uint, Int, word_where(x <= y))

SLOY_TERNARY(where_f, Float, Float, x != 0.0f ? y : z)
SLOY_TERNARY(where_w, Int, Int, x != 0 ? y : z)
SLOY_TERNARY(multiply_add_f, Float, Float, x* y + z)
SLOY_TERNARY(multiply_subtract_f, Float, Float, x* y - z)
SLOY_TERNARY(subtract_product_f, Float, Float, z - x * y)

#undef SLOY_UNARY
#undef SLOY_BINARY
#undef SLOY_TERNARY

}  // namespace ops

// Operand k of a loop: a stream of vectors, or one value for all of them.
template <class Vector, bool uniform>
struct Operand;

template <class Vector>
struct Operand<Vector, false> {
  const char* data;
  explicit Operand(const void* at) : data(static_cast<const char*>(at)) {}
  Vector at(std::int64_t i) const { return load<Vector>(data + 4 * i); }
};

template <class Vector>
struct Operand<Vector, true> {
  Vector value;
  explicit Operand(const void* at)
      : value(splat<Vector>(*static_cast<const typename Lane<Vector>::type*>(at))) {}
  Vector at(std::int64_t) const { return value; }
};

template <class Op, int operands, int uniform>
void run_loop(void* out, const void* const* in, std::int64_t n) {
  using In = typename Op::In;
  char* to = static_cast<char*>(out);
  const Operand<In, (uniform & 1) != 0> x(in[0]);
  if constexpr (operands == 1) {
    for (std::int64_t i = 0; i < n; i += lanes) {
      store<typename Op::Out>(to + 4 * i, Op::apply(x.at(i)));
    }
  } else if constexpr (operands == 2) {
    const Operand<In, (uniform & 2) != 0> y(in[1]);
    for (std::int64_t i = 0; i < n; i += lanes) {
      store<typename Op::Out>(to + 4 * i, Op::apply(x.at(i), y.at(i)));
    }
  } else {
    const Operand<In, (uniform & 2) != 0> y(in[1]);
    const Operand<In, (uniform & 4) != 0> z(in[2]);
    for (std::int64_t i = 0; i < n; i += lanes) {
      store<typename Op::Out>(to + 4 * i, Op::apply(x.at(i), y.at(i), z.at(i)));
    }
  }
}

inline void load_bytes(void* out, const void* const* in, std::int64_t n) {
  auto* to = static_cast<std::uint32_t*>(out);
  const auto* from = static_cast<const std::uint8_t*>(in[0]);
  for (std::int64_t i = 0; i < n; ++i) to[i] = from[i];
}

inline void store_bytes(void* out, const void* const* in, std::int64_t n) {
  auto* to = static_cast<std::uint8_t*>(out);
  const auto* from = static_cast<const std::uint32_t*>(in[0]);
  for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<std::uint8_t>(from[i]);
}

inline void load_halves(void* out, const void* const* in, std::int64_t n) {
  auto* to = static_cast<float*>(out);
  const auto* from = static_cast<const Half*>(in[0]);
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) store<Float>(to + i, load_bfloat16(from + i));
  for (; i < n; ++i) to[i] = widen(from[i]);
}

inline void store_halves(void* out, const void* const* in, std::int64_t n) {
  auto* to = static_cast<Half*>(out);
  const auto* from = static_cast<const float*>(in[0]);
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) store_bfloat16(to + i, load<Float>(from + i));
  for (; i < n; ++i) to[i] = narrow(from[i]);
}

}  // namespace sloy::SLOY_ISA
