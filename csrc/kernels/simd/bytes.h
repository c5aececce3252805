// Small numbers kept as bytes, one lane each. GCC 12's __builtin_convertvector would go through
// scalars here; clang's does not, and has other names for the instructions.
#pragma once

#include "kernels/simd/vector.h"

namespace sloy::SLOY_ISA {

using Bytes = std::uint8_t __attribute__((vector_size(lanes), aligned(1), may_alias));

inline Int load_bytes(const std::uint8_t* at) {
  using Sixteen [[maybe_unused]] = char __attribute__((vector_size(16)));
#if defined(__clang__)
  return __builtin_convertvector(*reinterpret_cast<const Bytes*>(at), Int);
#elif defined(__AVX512F__)
  using InMemory = char __attribute__((vector_size(16), aligned(1), may_alias));
  const Sixteen bytes = *reinterpret_cast<const InMemory*>(at);
  return __builtin_ia32_pmovzxbd512_mask(bytes, Int{}, 0xffff);
#elif defined(__AVX2__)
  using Two = long long __attribute__((vector_size(16)));
  using Eight = long long __attribute__((aligned(1), may_alias));
  const Two low = {*reinterpret_cast<const Eight*>(at), 0};
  return __builtin_ia32_pmovzxbd256(reinterpret_cast<Sixteen>(low));
#else
  return __builtin_convertvector(*reinterpret_cast<const Bytes*>(at), Int);
#endif
}

// x: of 0 to 255.
inline void store_bytes(std::uint8_t* at, Int x) {
#if defined(__AVX2__) && !defined(__AVX512F__)
  using Words = short __attribute__((vector_size(32)));
  using Four = std::int32_t __attribute__((aligned(1), may_alias));
  const auto words = reinterpret_cast<Words>(__builtin_ia32_packusdw256(x, x));
  const auto bytes = reinterpret_cast<Int>(__builtin_ia32_packuswb256(words, words));
  reinterpret_cast<Four*>(at)[0] = bytes[0];
  reinterpret_cast<Four*>(at)[1] = bytes[4];
#else
  *reinterpret_cast<Bytes*>(at) = __builtin_convertvector(x, Bytes);
#endif
}

}  // namespace sloy::SLOY_ISA
