// Reductions with a fixed order of operations: eight vector accumulators over a row, or one
// accumulator per column. Callers bound the length of a run (kernels/reduce.cpp) and combine runs
// in pairs.
#pragma once

#include "kernels/simd/elementwise.h"

namespace sloy::SLOY_ISA {

template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
  using type = Float;
};
template <>
struct VectorOf<std::int32_t> {
  using type = Int;
};
template <>
struct VectorOf<std::uint32_t> {
  using type = Uint;
};

struct Sum {
  template <class V>
  static V apply(V a, V b) {
    return a + b;
  }
  static Int apply(Int a, Int b) {  // wraps, where a signed sum must not overflow
    return reinterpret_cast<Int>(reinterpret_cast<Uint>(a) + reinterpret_cast<Uint>(b));
  }
};
struct Max {
  template <class V>
  static V apply(V a, V b) {
    return ((a >= b) | (a != a)) ? a : b;
  }
};
struct Min {
  template <class V>
  static V apply(V a, V b) {
    return ((a <= b) | (a != a)) ? a : b;
  }
};

template <class Op, class T>
inline T combine(T a, T b) {
  using V = typename VectorOf<T>::type;
  return Op::apply(splat<V>(a), splat<V>(b))[0];
}

template <class Op, class T>
T reduce_row(const T* x, std::int64_t columns) {
  using V = typename VectorOf<T>::type;
  constexpr int width = 4;
  std::int64_t j = 0;
  T result;
  if (columns >= lanes) {
    V total = load<V>(x);
    j = lanes;
    if (columns >= 2 * width * lanes) {
      V a[width];
      for (int k = 0; k < width; ++k) a[k] = load<V>(x + k * lanes);
      for (j = width * lanes; j + width * lanes <= columns; j += width * lanes) {
        for (int k = 0; k < width; ++k) a[k] = Op::apply(a[k], load<V>(x + j + k * lanes));
      }
      total = Op::apply(Op::apply(a[0], a[1]), Op::apply(a[2], a[3]));
    }
    for (; j + lanes <= columns; j += lanes) total = Op::apply(total, load<V>(x + j));
    T lane[lanes];
    store<V>(lane, total);
    for (int half = lanes / 2; half > 0; half /= 2) {
      for (int k = 0; k < half; ++k) lane[k] = combine<Op>(lane[k], lane[k + half]);
    }
    result = lane[0];
  } else {
    result = x[0];
    j = 1;
  }
  for (; j < columns; ++j) result = combine<Op>(result, x[j]);
  return result;
}

template <class Op, class T>
void reduce_columns(T* out, const T* x, std::int64_t rows, std::int64_t columns,
                    std::int64_t stride) {
  using V = typename VectorOf<T>::type;
  constexpr int width = 4;
  std::int64_t j = 0;
  for (; j + width * lanes <= columns; j += width * lanes) {
    V a[width];
    for (int k = 0; k < width; ++k) a[k] = load<V>(x + j + k * lanes);
    for (std::int64_t i = 1; i < rows; ++i) {
      const T* row = x + i * stride + j;
      for (int k = 0; k < width; ++k) a[k] = Op::apply(a[k], load<V>(row + k * lanes));
    }
    for (int k = 0; k < width; ++k) store<V>(out + j + k * lanes, a[k]);
  }
  for (; j + lanes <= columns; j += lanes) {
    V a = load<V>(x + j);
    for (std::int64_t i = 1; i < rows; ++i) a = Op::apply(a, load<V>(x + i * stride + j));
    store<V>(out + j, a);
  }
  for (; j < columns; ++j) {
    T a = x[j];
    for (std::int64_t i = 1; i < rows; ++i) a = combine<Op>(a, x[i * stride + j]);
    out[j] = a;
  }
}

inline float sum_of_squares(const float* x, std::int64_t n) {
  constexpr int width = 8;
  Float a[width] = {};
  std::int64_t j = 0;
  for (; j + width * lanes <= n; j += width * lanes) {
#pragma GCC unroll 8
    for (int k = 0; k < width; ++k) {
      const Float value = load<Float>(x + j + k * lanes);
      a[k] += value * value;
    }
  }
  for (; j + lanes <= n; j += lanes) {
    const Float value = load<Float>(x + j);
    a[0] += value * value;
  }
  float lane[lanes];
  store<Float>(lane, ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7])));
  for (int half = lanes / 2; half > 0; half /= 2) {
    for (int k = 0; k < half; ++k) lane[k] += lane[k + half];
  }
  float result = lane[0];
  for (; j < n; ++j) result += x[j] * x[j];
  return result;
}

template <class T>
constexpr simd::ReductionTable<T> reductions() {
  return {{reduce_row<Sum, T>, reduce_columns<Sum, T>},
          {reduce_row<Max, T>, reduce_columns<Max, T>},
          {reduce_row<Min, T>, reduce_columns<Min, T>}};
}

}  // namespace sloy::SLOY_ISA
