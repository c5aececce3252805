// Compiled once per instruction set; SLOY_ISA names the copy.
#include "kernels/simd/tables.h"

#include "kernels/simd/elementwise.h"
#include "kernels/simd/reduce.h"

#define SLOY_NAME_OF(isa) #isa
#define SLOY_NAME(isa) SLOY_NAME_OF(isa)

namespace sloy::SLOY_ISA {
namespace ops {

struct load_u8;  // their loops change the width of an element
struct store_u8;
struct load_bf;
struct store_bf;

}  // namespace ops
namespace {

template <class Op, int operands, int uniform>
constexpr simd::Loop loop() {
  if constexpr (__is_same(Op, ops::load_u8)) {
    return uniform == 0 ? load_bytes : nullptr;
  } else if constexpr (__is_same(Op, ops::store_u8)) {
    return uniform == 0 ? store_bytes : nullptr;
  } else if constexpr (__is_same(Op, ops::load_bf)) {
    return uniform == 0 ? load_halves : nullptr;
  } else if constexpr (__is_same(Op, ops::store_bf)) {
    return uniform == 0 ? store_halves : nullptr;
  } else if constexpr (uniform >= (1 << operands) ||
                       (uniform == (1 << operands) - 1 && operands > 1)) {
    return nullptr;
  } else {
    return run_loop<Op, operands, uniform>;
  }
}

constexpr simd::Table make_table() {
  return {SLOY_NAME(SLOY_ISA),
          lanes,
          {
#define SLOY_LOOPS(name, operands)                                                                 \
  {loop<ops::name, operands, 0>(), loop<ops::name, operands, 1>(), loop<ops::name, operands, 2>(), \
   loop<ops::name, operands, 3>(), loop<ops::name, operands, 4>(), loop<ops::name, operands, 5>(), \
   loop<ops::name, operands, 6>(), loop<ops::name, operands, 7>()},
#define X(op, operands, cost, form) SLOY_LOOPS(op##_f, operands)
              SLOY_FUNCTIONS(X)
#undef X
                  SLOY_OPCODES(SLOY_LOOPS)
#undef SLOY_LOOPS
          },
          reductions<float>(),
          reductions<std::int32_t>(),
          reductions<std::uint32_t>(),
          sum_of_squares};
}

constexpr simd::Table instance = make_table();

}  // namespace

const simd::Table& table() { return instance; }

}  // namespace sloy::SLOY_ISA
