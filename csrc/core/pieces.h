// The same bits at every number of threads: products and convolutions in fixed pieces of their
// samples.
#pragma once

#include <memory>

#include "core/kernel.h"

namespace sloy {

// The instruction's kernels for pieces of the batch, each for one thread; sums over the batch are
// added in the order of the pieces. Whole where its kernel gives the same bits anyway, null for
// other ops, whose kernels all do. Create it inside a TeamSize of `options.threads`.
std::unique_ptr<Kernel> in_pieces(const Instruction& instruction, const Options& options);

}  // namespace sloy
