// Random words outside the vector loops: functions of key and counter alone.
#pragma once

#include <cstdint>

#define SLOY_ISA scalar
#include "kernels/simd/threefry.h"
#undef SLOY_ISA

namespace sloy {

using Words = scalar::Block<std::uint32_t>;

inline Words encrypted(Words key, std::uint64_t counter) {
  return scalar::threefry2x32<std::uint32_t>(key.w0, key.w1,
                                             static_cast<std::uint32_t>(counter >> 32),
                                             static_cast<std::uint32_t>(counter));
}

// The key of a stream of draws at a step.
inline Words key_of(const std::uint32_t* key, std::uint32_t stream, std::uint32_t step) {
  return encrypted(encrypted({key[0], key[1]}, stream), step);
}

}  // namespace sloy
