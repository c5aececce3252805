#pragma once

#include <cstdint>

namespace sloy {

// Copies n numbers; whether all of them are finite.
bool finite_copy(float* to, const float* from, std::int64_t n);

}  // namespace sloy
