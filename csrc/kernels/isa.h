// Which copy of the vectorised sources runs.
#pragma once

#include <string>
#include <vector>

#include "kernels/simd/tables.h"

namespace sloy::simd {

// Names of the instruction sets that this build holds and this machine runs, widest first.
std::vector<std::string> available_isas();

// Makes `table()` return that copy from now on ("" for the widest): for tests, before kernels are
// created. Throws std::invalid_argument for a name that is not available.
void force_isa(const std::string& name);

}  // namespace sloy::simd
