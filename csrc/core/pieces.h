// The same bits at every number of threads: products and convolutions in fixed pieces of their
// samples.
#pragma once

#include <memory>
#include <vector>

#include "core/kernel.h"

namespace sloy {

// How an instruction is done for some samples at a time: which inputs are cut along their first
// axis. Outputs are all cut, or all summed over the samples.
struct Cut {
  std::vector<bool> inputs;
  bool sums = false;
};

// Without inputs where the instruction cannot be cut, or is no product or convolution.
Cut cut_of(const Instruction& instruction);

// The instruction's kernels for pieces of the batch, each for one thread; sums over the batch are
// added in the order of the pieces. Whole where its kernel gives the same bits anyway, null for
// other ops, whose kernels all do. Create it inside a TeamSize of `options.threads`.
std::unique_ptr<Kernel> in_pieces(const Instruction& instruction, const Options& options);

}  // namespace sloy
