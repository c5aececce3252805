// Where oneDNN computes in bfloat16, and which of its primitives are to be trusted there.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/kernel.h"

namespace sloy::onednn {

class PrimitiveKernel;

// "none", "emulated" (AVX-512 without bfloat16 instructions: slower than float32), "avx512_bf16" or
// "amx".
std::string bfloat16_support();

// Whether bfloat16 primitives are worth creating.
bool takes_bfloat16(const Options& options);

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
