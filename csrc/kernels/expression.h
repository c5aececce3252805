// Elementwise expressions: the text that Python writes, lowered to typed vector code.
#pragma once

#include <cstdint>
#include <vector>

#include "core/kernel.h"
#include "kernels/simd/tables.h"

namespace sloy {

// One value of an expression: an input, a constant, the result of an opcode on earlier values, or a
// dropout mask of the inputs key (2,) and step ().
struct Value {
  enum class Kind : std::uint8_t { input, constant, computed, mask };
  Kind kind = Kind::computed;
  DType dtype = DType::float32;  // in a register: a bfloat16 is there the float32 that equals it
  bool uniform = false;          // the same for all elements
  std::uint32_t word = 0;        // of a constant; the threshold of a mask
  std::uint32_t stream = 0;      // of a mask
  simd::Opcode opcode = simd::Opcode::copy_w;
  int operands = 0;
  int operand[3] = {-1, -1, -1};
};

struct Expression {
  std::vector<Value> values;  // inputs first, then operands before their users
  // One per output; what goes to a bfloat16 output may still have to be rounded (store_bf does).
  std::vector<int> results;
};

// The attribute `program` is a list of statements separated by ";". A statement is `op operands…`,
// `cast dtype operand`, `constant dtype number` or `dropout_mask keep stream key step`; operands
// are numbers of values: inputs first, then statements in order. bfloat16 values are only cast from
// and to float32. The attribute `results` names one value per output. `uniform[i]` tells that input
// i is one value for all elements. Throws std::invalid_argument.
Expression parse_expression(const Instruction& instruction, const std::vector<bool>& uniform);

// A rough cost per element, in simple vector operations.
int cost_of(const Expression& expression);

}  // namespace sloy
