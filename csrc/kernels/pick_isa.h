// Picks the copy of a function compiled for the instruction set that kernels/isa.h has chosen.
#pragma once

#include <string_view>

#include "kernels/simd/tables.h"

// SLOY_PICK_VECTOR_ISA is for kernels that are never chosen on plain x86-64 and have no copy for
// it.
#if defined(__x86_64__)
#define SLOY_PICK_ISA(function) \
  ::sloy::pick_isa(::sloy::baseline::function, ::sloy::avx2::function, ::sloy::avx512::function)
#define SLOY_PICK_VECTOR_ISA(function) \
  ::sloy::pick_isa(::sloy::avx2::function, ::sloy::avx2::function, ::sloy::avx512::function)
#define SLOY_AVX2(function) (::sloy::avx2::function)
#else
#define SLOY_PICK_ISA(function) (::sloy::baseline::function)
#define SLOY_PICK_VECTOR_ISA(function) (::sloy::baseline::function)
#define SLOY_AVX2(function) (::sloy::baseline::function)
#endif

namespace sloy {

template <class Function>
Function pick_isa(Function baseline, Function avx2, Function avx512) {
  const std::string_view name = simd::table().name;
  return name == "avx512" ? avx512 : name == "avx2" ? avx2 : baseline;
}

}  // namespace sloy
