// w - rate · (x ⊗ d) as one pass over w: gradient descent on a single sample.
#pragma once

#include <memory>

#include "core/kernel.h"
#include "kernels/expression.h"

namespace sloy {

// The kernel for an elementwise instruction of that form; null for any other.
std::unique_ptr<Kernel> make_outer_update(const Instruction&, const Options&);

}  // namespace sloy
