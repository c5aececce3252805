// The one table of kernels.
#pragma once

#include "core/kernel.h"

namespace sloy {

const Registry& registry();
const Registration* registration_of(std::string_view op);  // null where there is none

// The kernel of an instruction: that of its op, or, for bfloat16 tensors that it does not compute
// with, the float32 one between conversions (core/widened.h). Errors as std::invalid_argument.
std::unique_ptr<Kernel> create_kernel(const Instruction& instruction, const Options& options);

// Whether the op has a kernel of its own for such an instruction.
bool takes(const Instruction& instruction);

}  // namespace sloy
