// Where oneDNN computes in bfloat16.
#pragma once

#include <string>

#include "core/kernel.h"

namespace sloy::onednn {

// "none", "emulated" (AVX-512 without bfloat16 instructions: slower than float32), "avx512_bf16" or
// "amx".
std::string bfloat16_support();

// Whether an instruction's bfloat16 primitives are worth creating.
bool takes_bfloat16(const Options& options);

}  // namespace sloy::onednn
