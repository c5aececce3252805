#include "kernels/simd/few_rows.h"

#include "kernels/simd/activate.h"

namespace sloy::SLOY_ISA {
namespace {

using Index = std::int64_t;

// A row of b for each of a's elements: all of them, or those that are listed.
struct AllRows {
  Index count;
  Index operator[](Index i) const { return i; }
};
struct SomeRows {
  Index count;
  const std::int32_t* rows;
  Index operator[](Index i) const { return rows[i]; }
};

// y = start + Σ a[row] · b[row], `vectors` vectors side by side, the last one `last` elements from
// the first. Each element's sum runs in the order of the rows, and is never -0: rows where a is 0
// may be left out without changing a bit.
template <int vectors, class Rows>
void multiply_columns(float* y, const float* a, const float* b, const float* start, Index stride,
                      Rows rows, Index last) {
  const auto at = [&](int v) { return v + 1 < vectors ? Index{v} * lanes : last; };
  Float sum[vectors];
#pragma GCC unroll 16
  for (int v = 0; v < vectors; ++v) {
    sum[v] = start != nullptr ? load<Float>(start + at(v)) : Float{};
  }
  for (Index i = 0; i < rows.count; ++i) {
    const Float left = splat<Float>(a[rows[i]]);
    const float* right = b + rows[i] * stride;
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) sum[v] += left * load<Float>(right + at(v));
  }
#pragma GCC unroll 16
  for (int v = 0; v < vectors; ++v) store<Float>(y + at(v), sum[v] + 0.0f);
}

// The same for N less than a vector.
template <class Rows>
void multiply_narrow(float* y, const float* a, const float* b, const float* bias, Index n, Index k,
                     Rows rows) {
  float padded[lanes] = {};
  const auto copied = [&](const float* from) {
    for (Index j = 0; j < n; ++j) padded[j] = from[j];
    return load<Float>(padded);
  };
  Float sum = bias != nullptr ? copied(bias) : Float{};
  for (Index i = 0; i < rows.count; ++i) {
    const float* right = b + rows[i] * n;
    const bool readable = rows[i] * n + lanes <= k * n;
    sum += splat<Float>(a[rows[i]]) * (readable ? load<Float>(right) : copied(right));
  }
  store<Float>(padded, sum + 0.0f);
  for (Index j = 0; j < n; ++j) y[j] = padded[j];
}

template <class Rows>
void multiply_row(float* y, const float* a, const float* b, const float* bias, Index n, Index k,
                  Rows rows) {
  if (n < lanes) return multiply_narrow(y, a, b, bias, n, k, rows);
  constexpr Index most = 16;
  for (Index j = 0; j < n;) {
    const Index left = n - j, vectors = left / lanes;
    const float* start = bias != nullptr ? bias + j : nullptr;
    if (vectors >= most) {
      multiply_columns<most>(y + j, a, b + j, start, n, rows, (most - 1) * lanes);
      j += most * lanes;
    } else if (vectors >= 8) {
      multiply_columns<8>(y + j, a, b + j, start, n, rows, 7 * lanes);
      j += 8 * lanes;
    } else if (vectors >= 4) {
      multiply_columns<4>(y + j, a, b + j, start, n, rows, 3 * lanes);
      j += 4 * lanes;
    } else if (left > lanes) {  // the second of two may overlap the first
      const Index second = left < 2 * lanes ? left - lanes : lanes;
      multiply_columns<2>(y + j, a, b + j, start, n, rows, second);
      j += lanes + second;
    } else {  // may overlap what is done
      const Index back = lanes - left;
      start = start != nullptr ? start - back : nullptr;
      multiply_columns<1>(y + j - back, a, b + j - back, start, n, rows, 0);
      j = n;
    }
  }
}

float dot(const float* a, const float* b, Index n) {
  constexpr int width = 4;
  Float sum[width] = {};
  Index i = 0;
  for (; i + width * lanes <= n; i += width * lanes) {
#pragma GCC unroll 4
    for (int v = 0; v < width; ++v) {
      sum[v] += load<Float>(a + i + v * lanes) * load<Float>(b + i + v * lanes);
    }
  }
  for (; i + lanes <= n; i += lanes) sum[0] += load<Float>(a + i) * load<Float>(b + i);
  const Float total = (sum[0] + sum[1]) + (sum[2] + sum[3]);
  float result = 0.0f;
  for (int lane = 0; lane < lanes; ++lane) result += total[lane];
  for (; i < n; ++i) result += a[i] * b[i];
  return result;
}

// Of two vectors the sums of lanes whose numbers differ in the bit `step`: those of `first` where
// that bit is 0, those of `second` where it is 1.
template <int step>
Float add_lanes(Float first, Float second) {
  Int near, far;
  for (int lane = 0; lane < lanes; ++lane) {
    const int source = (lane & step) != 0 ? lanes : 0;
    near[lane] = source + lane;
    far[lane] = source + (lane ^ step);
  }
  return shuffled(first, second, near) + shuffled(first, second, far);
}

// Lane i of the result: the sum of all lanes of rows[i].
template <int step = 1>
Float add_rows(Float* rows) {
  if constexpr (step == lanes) {
    return rows[0];
  } else {
    for (int i = 0; i < lanes / step; i += 2) rows[i / 2] = add_lanes<step>(rows[i], rows[i + 1]);
    return add_rows<2 * step>(rows);
  }
}

// a (K), K less than two vectors, as a vector for the start of a row of b and one for its end.
struct ShortRow {
  ShortRow(const float* a, Index k) : second(k > lanes ? k - lanes : 0) {
    float padded[2 * lanes] = {};
    for (Index i = 0; i < k; ++i) padded[i] = a[i];
    left = load<Float>(padded);
    right = load<Float>(padded + second);
    for (int lane = 0; lane < lanes; ++lane) {
      in_left[lane] = lane < k ? -1 : 0;
      in_right[lane] = second + lane >= lanes ? -1 : 0;
    }
  }
  Index second;  // where the end begins
  Float left, right;
  Int in_left, in_right;  // each element once
};

// y (lanes) = start + b (lanes, K) · a (K); b is readable for a vector from the start of each row.
void multiply_short_rows(float* y, const ShortRow& a, const float* b, Float start, Index k) {
  Float sums[lanes];
#pragma GCC unroll 16
  for (int i = 0; i < lanes; ++i) {
    const float* row = b + i * k;
    const Float left = a.left * load<Float>(row), right = a.right * load<Float>(row + a.second);
    sums[i] = from_bits(bits(left) & a.in_left) + from_bits(bits(right) & a.in_right);
  }
  store<Float>(y, add_rows(sums) + start);
}

// y (N,) = bias + b (N, K) · a (K).
void multiply_transposed(float* y, const float* a, const float* b, const float* bias, Index n,
                         Index k) {
  Index j = 0;
  if (k < 2 * lanes) {
    const ShortRow row(a, k);
    const Index beyond = k < lanes ? lanes - k : 0;
    for (; (j + lanes) * k + beyond <= n * k; j += lanes) {
      const Float start = bias != nullptr ? load<Float>(bias + j) : Float{};
      multiply_short_rows(y + j, row, b + j * k, start, k);
    }
  }
  for (; j < n; ++j) y[j] = dot(a, b + j * k, k) + (bias != nullptr ? bias[j] : 0.0f);
}

void multiply(float* y, const float* a, const float* b, const float* bias, Activation activation,
              bool transpose_b, Index m, Index n, Index k) {
  for (Index i = 0; i < m; ++i) {
    float* row = y + i * n;
    const float* left = a + i * k;
    if (transpose_b) {
      multiply_transposed(row, left, b, bias, n, k);
    } else {
      multiply_row(row, left, b, bias, n, k, AllRows{k});
    }
    activate_row(row, activation, n);
  }
}

bool all_finite(const float* d, Index n) {
  float nothing = 0.0f;
  for (Index j = 0; j < n; ++j) nothing += d[j] * 0.0f;
  return nothing == 0.0f;
}

// The indices of a's elements that are not 0; how many there are. Without a jump, which would be
// mispredicted at every stroke of a digit.
Index list_nonzero(std::int32_t* rows, const float* a, Index n) {
  Index count = 0;
#pragma GCC unroll 8
  for (Index i = 0; i < n; ++i) {
    rows[count] = static_cast<std::int32_t>(i);
    count += (__builtin_bit_cast(std::uint32_t, a[i]) & 0x7fffffff) != 0;
  }
  return count;
}

void multiply_sparse(float* y, const float* a, const float* b, const float* bias,
                     Activation activation, bool* finite, std::int32_t* rows, Index n, Index k) {
  if (*finite) {
    multiply_row(y, a, b, bias, n, k, SomeRows{list_nonzero(rows, a, k), rows});
  } else {
    multiply_row(y, a, b, bias, n, k, AllRows{k});
    *finite = all_finite(y, n);
  }
  activate_row(y, activation, n);
}

// w - factor · (x ⊗ d) for the rows and `vectors` vectors of columns. `nothing` stays 0 while all
// that is written is finite.
template <int vectors, class Rows>
void subtract_columns(float* w, const float* from, const float* x, const float* d, Float factor,
                      Float* nothing, Index stride, Rows rows) {
  constexpr int sums = vectors < 4 ? vectors : 4;
  Float checked[sums] = {};
  for (Index i = 0; i < rows.count; ++i) {
    const Float left = splat<Float>(x[rows[i]]);
    const Index at = rows[i] * stride;
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) {
      const Float gradient = left * load<Float>(d + v * lanes);
      const Float value = load<Float>(from + at + v * lanes) - factor * gradient;
      checked[v % sums] += value * 0.0f;
      store<Float>(w + at + v * lanes, value);
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < sums; ++v) *nothing += checked[v];
}

template <class Rows>
bool subtract_rows(float* w, const float* from, const float* x, const float* d, float rate, Index n,
                   Rows rows) {
  const Float factor = splat<Float>(rate);
  Float vector = {};
  Index j = 0;
  for (; j + 16 * lanes <= n; j += 16 * lanes) {
    subtract_columns<16>(w + j, from + j, x, d + j, factor, &vector, n, rows);
  }
  for (; j + 4 * lanes <= n; j += 4 * lanes) {
    subtract_columns<4>(w + j, from + j, x, d + j, factor, &vector, n, rows);
  }
  for (; j + lanes <= n; j += lanes) {
    subtract_columns<1>(w + j, from + j, x, d + j, factor, &vector, n, rows);
  }
  float nothing = 0.0f;
  for (int lane = 0; lane < lanes; ++lane) nothing += vector[lane];
  for (Index i = 0; j < n && i < rows.count; ++i) {
    for (Index k = j; k < n; ++k) {
      const Index at = rows[i] * n + k;
      const float gradient = x[rows[i]] * d[k];
      w[at] = from[at] - rate * gradient;
      nothing += w[at] * 0.0f;
    }
  }
  return nothing == 0.0f;
}

// Where x is 0 and rate and d are finite, w stays: four fifths of the rows where x is a written
// digit.
bool subtract_outer(float* w, const float* from, const float* x, const float* d, float rate,
                    std::int32_t* rows, Index n, Index m) {
  const bool skips = w == from && all_finite(d, n) && all_finite(&rate, 1);
  if (!skips) return subtract_rows(w, from, x, d, rate, n, AllRows{m});
  return subtract_rows(w, from, x, d, rate, n, SomeRows{list_nonzero(rows, x, m), rows});
}

}  // namespace

FewRowsKernels few_rows_kernels() { return {multiply, multiply_sparse, subtract_outer}; }

}  // namespace sloy::SLOY_ISA
