#include "core/finite_copy.h"

#include <bit>

namespace sloy {

bool finite_copy(float* __restrict to, const float* __restrict from, std::int64_t n) {
  constexpr std::uint32_t exponent = 0x7f800000, lowest_of_it = 0x00800000, sign = 0x80000000;
  std::uint32_t carried = 0;  // an exponent of ones alone carries into the sign
  for (std::int64_t i = 0; i < n; ++i) {
    carried |= (std::bit_cast<std::uint32_t>(from[i]) & exponent) + lowest_of_it;
    to[i] = from[i];
  }
  return (carried & sign) == 0;
}

}  // namespace sloy
