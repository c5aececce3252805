// Where oneDNN computes in bfloat16, and which of its primitives are to be trusted there.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/kernel.h"
#include "onednn/primitives.h"

namespace sloy::onednn {

// "none", "emulated" (AVX-512 without bfloat16 instructions: slower than float32), "avx512_bf16" or
// "amx".
std::string bfloat16_support();

// Whether bfloat16 primitives are worth creating.
bool takes_bfloat16(const Options& options);

// Both factors bfloat16, everything after them float32, results of either type: what the bfloat16
// primitives take.
bool is_product_of_bfloat16(const Instruction& instruction);

// The kernel that `make` makes if it is right, else null. oneDNN 3.2 has bfloat16 primitives that
// are wrong for some shapes, or so slow that float32 is faster ("ref"): each is tried once per
// process, `name` says what for.
using Check = std::function<bool(Kernel&)>;
std::unique_ptr<Kernel> if_right(const std::string& name,
                                 const std::function<std::unique_ptr<PrimitiveKernel>()>& make,
                                 const Check& is_right);

// What was tried: names, and the implementation that was taken, or why none was.
std::vector<std::pair<std::string, std::string>> bfloat16_checks();

}  // namespace sloy::onednn
