// What the vectorised sources offer, once per instruction set. The rest of the library sees only
// this.
#pragma once

#include <cstdint>

namespace sloy::simd {

inline constexpr std::int64_t most_lanes = 16;  // of the widest instruction set

// clang-format off

// Ops of float32 alone, as the graph names them; the opcode is the name with _f.
// X(op, operands, cost beside an addition, the vector form in x, y and z, which elementwise.h compiles).
#define SLOY_FUNCTIONS(X) \
  X(exp, 1, 8, exponential(x)) \
  X(expm1, 1, 8, exponential_minus_one(x)) \
  X(log, 1, 8, logarithm(x)) \
  X(log1p, 1, 8, logarithm_of_one_plus(x)) \
  X(sqrt, 1, 1, square_root(x)) \
  X(floor, 1, 2, round_down(x)) \
  X(sin, 1, 16, sine(x)) \
  X(cos, 1, 16, cosine(x)) \
  X(tanh, 1, 8, hyperbolic_tangent(x)) \
  X(sigmoid, 1, 8, logistic(x)) \
  X(erf, 1, 8, error_function(x)) \
  X(softplus, 1, 8, soft_plus(x)) \
  X(relu, 1, 1, x <= 0.0f ? Float{} : x) \
  X(div, 2, 1, x / y) \
  X(power, 2, 30, power(x, y)) \
  X(clip, 3, 1, smaller(larger(x, y), z))

// The other opcodes. Suffixes: f float32 (also holds bfloat16, bf), i int32, u uint32 (also holds
// uint8), w any 32-bit word. X(name, operands).
#define SLOY_OPCODES(X) \
  X(copy_w, 1) X(load_u8, 1) X(store_u8, 1) X(load_bf, 1) X(store_bf, 1) X(round_bf, 1) X(wrap_u8, 1) X(i_to_f, 1) X(u_to_f, 1) \
  X(f_to_i, 1) X(f_to_u, 1) X(neg_f, 1) X(abs_f, 1) X(sign_f, 1) X(neg_i, 1) X(abs_i, 1) X(sign_i, 1) \
  X(sign_u, 1) X(add_f, 2) X(sub_f, 2) X(mul_f, 2) \
  X(maximum_f, 2) X(minimum_f, 2) X(add_w, 2) X(sub_w, 2) X(mul_w, 2) X(maximum_i, 2) \
  X(minimum_i, 2) X(maximum_u, 2) X(minimum_u, 2) X(equal_f, 2) X(not_equal_f, 2) \
  X(less_f, 2) X(less_equal_f, 2) X(equal_w, 2) X(not_equal_w, 2) X(less_i, 2) \
  X(less_equal_i, 2) X(less_u, 2) X(less_equal_u, 2) X(where_f, 3) X(where_w, 3) \
  X(multiply_add_f, 3) X(multiply_subtract_f, 3) X(subtract_product_f, 3)
// clang-format on

enum class Opcode : std::uint8_t {
#define X(op, operands, cost, form) op##_f,
  SLOY_FUNCTIONS(X)
#undef X
#define X(name, operands) name,
      SLOY_OPCODES(X)
#undef X
};

#define X(...) +1
inline constexpr int opcode_count = 0 SLOY_FUNCTIONS(X) SLOY_OPCODES(X);
#undef X

// out[i] = op(in[0][i], in[1][i], in[2][i]) for i < n, n a multiple of `lanes`; `out` may be an
// operand. Loads and stores, which change the width of an element, take any n.
using Loop = void (*)(void* out, const void* const* in, std::int64_t n);

// Reductions over x (rows, columns), rows `stride` elements apart; any extents from 1 on.
template <class T>
struct Reductions {
  T (*row)(const T* x, std::int64_t columns);
  // out[j] = op over i of x[i][j]
  void (*columns)(T* out, const T* x, std::int64_t rows, std::int64_t columns, std::int64_t stride);
};

template <class T>
struct ReductionTable {
  Reductions<T> sum, max, min;
};

struct Table {
  const char* name;
  int lanes;
  // Bit k of the second index: operand k is one value for all i. Never all operands at once.
  Loop loops[opcode_count][8];
  ReductionTable<float> float32;
  ReductionTable<std::int32_t> int32;
  ReductionTable<std::uint32_t> uint32;
  float (*sum_of_squares)(const float* x, std::int64_t n);
};

// The table of the widest instruction set that this machine has and `force_isa` (see isa.h) allows.
const Table& table();

}  // namespace sloy::simd
