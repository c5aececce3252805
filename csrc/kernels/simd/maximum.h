// What a maximum is: to the last bit the same in every kernel, because gradients find it again.
#pragma once

#include "kernels/simd/vector.h"

namespace sloy::SLOY_ISA {

// The maximum of which NaN is the greatest.
template <class T>
inline T greater(T a, T b) {
  return (b > a) | (b != b) ? b : a;
}
template <>
inline float greater(float a, float b) {
  return b > a || b != b ? b : a;
}

// Whether x is one of those whose maximum is `top`.
inline Int is_maximum(Float x, Float top) { return (x == top) | (x != x); }

// Where each of four elements is their first maximum.
struct FirstMaximum {
  Int at[4];
};

inline FirstMaximum first_maximum_of(Float x0, Float x1, Float x2, Float x3, Float top) {
  const Int m0 = is_maximum(x0, top);
  const Int m1 = is_maximum(x1, top) & ~m0;
  const Int m2 = is_maximum(x2, top) & ~(m0 | m1);
  const Int m3 = is_maximum(x3, top) & ~(m0 | m1 | m2);
  return {{m0, m1, m2, m3}};
}

}  // namespace sloy::SLOY_ISA
