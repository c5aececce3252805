// bfloat16 tensors for kernels that compute in float32 alone.
#pragma once

#include <memory>

#include "core/kernel.h"

namespace sloy {

bool has_bfloat16(const Instruction& instruction);

// The op's kernel for the same instruction in float32. bfloat16 inputs are widened into
// scratch before it runs, bfloat16 outputs rounded from there afterwards.
std::unique_ptr<Kernel> widened(const Instruction& instruction, const Options& options,
                                const Registration& entry);

}  // namespace sloy
