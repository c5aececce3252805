// Which loops compute an elementwise expression over a block, in which order, and where each reads
// and writes.
#pragma once

#include <vector>

#include "kernels/expression.h"
#include "kernels/operand.h"

namespace sloy {

struct Output {
  std::size_t size = 4;
  char* address = nullptr;
};

// A step reads and writes slots: addresses that are fixed (registers, uniform values) or move with
// the block.
struct BlockStep {
  simd::Loop loop =
      nullptr;  // none: expand input `in[0]`, or draw mask `in[0]`, into the slot `out`
  int out = 0;
  int in[3] = {0, 0, 0};
  int sum = -1;  // else: add slot `in[0]` to this sum
};

// Slots: inputs, outputs, uniform values (one per value, used or not), registers.
struct Slots {
  int inputs = 0, outputs = 0, values = 0;

  int input(int i) const { return i; }
  int output(int i) const { return inputs + i; }
  int uniform(int value) const { return inputs + outputs + value; }
  int of_register(int r) const { return uniform(values) + r; }
};

struct BlockSchedule {
  std::vector<BlockStep> prologue;  // of uniform values, once per run
  std::vector<BlockStep> steps;
  int registers = 0;
};

// An output that shares memory with an input that is read after the output is written waits in a
// register until the block's end. Throws std::invalid_argument where the input is broadcast.
std::vector<bool> held_back(const Expression& expression, const std::vector<Operand>& inputs,
                            const std::vector<Output>& outputs);

// `held[o]`: output o is written at the end of its block. Results beyond the outputs are sums,
// which are added before anything is overwritten.
BlockSchedule schedule_block(const simd::Table& table, const Expression& expression,
                             const std::vector<Operand>& inputs, const std::vector<Output>& outputs,
                             const std::vector<bool>& held);

}  // namespace sloy
