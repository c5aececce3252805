#include "kernels/simd/thin.h"

#include "kernels/simd/activate.h"

namespace sloy::SLOY_ISA {
namespace {

using Index = std::int64_t;

// y (vectors · lanes) = start + a (K) · b (K, …), rows of b `stride` apart.
template <int vectors>
void multiply_columns(float* y, const float* a, const float* b, const float* start, Index stride,
                      Index depth) {
  Float sum[vectors];
#pragma GCC unroll 8
  for (int v = 0; v < vectors; ++v) {
    sum[v] = start != nullptr ? load<Float>(start + v * lanes) : Float{};
  }
  for (Index k = 0; k < depth; ++k, b += stride) {
    const Float left = splat<Float>(a[k]);
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) sum[v] += left * load<Float>(b + v * lanes);
  }
#pragma GCC unroll 8
  for (int v = 0; v < vectors; ++v) store<Float>(y + v * lanes, sum[v]);
}

void multiply_row(float* y, const float* a, const float* b, const float* bias, Index n, Index k) {
  Index j = 0;
  const auto start = [&] { return bias != nullptr ? bias + j : nullptr; };
  for (; j + 8 * lanes <= n; j += 8 * lanes) multiply_columns<8>(y + j, a, b + j, start(), n, k);
  for (; j + 4 * lanes <= n; j += 4 * lanes) multiply_columns<4>(y + j, a, b + j, start(), n, k);
  for (; j + lanes <= n; j += lanes) multiply_columns<1>(y + j, a, b + j, start(), n, k);
  for (; j < n; ++j) {
    float sum = bias != nullptr ? bias[j] : 0.0f;
    for (Index i = 0; i < k; ++i) sum += a[i] * b[i * n + j];
    y[j] = sum;
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

void multiply(float* y, const float* a, const float* b, const float* bias, Activation activation,
              bool transpose_b, Index m, Index n, Index k) {
  for (Index i = 0; i < m; ++i) {
    float* row = y + i * n;
    const float* left = a + i * k;
    if (transpose_b) {
      for (Index j = 0; j < n; ++j) {
        row[j] = dot(left, b + j * k, k) + (bias != nullptr ? bias[j] : 0.0f);
      }
    } else {
      multiply_row(row, left, b, bias, n, k);
    }
    activate_row(row, activation, n);
  }
}

bool all_finite(const float* d, Index n) {
  float nothing = 0.0f;
  for (Index j = 0; j < n; ++j) nothing += d[j] * 0.0f;
  return nothing == 0.0f;
}

// Where x is 0 and rate and d are finite, w stays: four fifths of the rows where x is a written
// digit.
void subtract_outer(float* w, const float* from, const float* x, const float* d, float rate,
                    Index n, Index begin, Index end) {
  const bool skips = w == from && all_finite(d, n) && all_finite(&rate, 1);
  const Float factor = splat<Float>(rate);
  for (Index i = begin; i < end; ++i) {
    if (skips && x[i] == 0.0f) continue;
    const Float left = splat<Float>(x[i]);
    float* to = w + i * n;
    const float* old = from + i * n;
    Index j = 0;
    for (; j + lanes <= n; j += lanes) {
      const Float gradient = left * load<Float>(d + j);
      store<Float>(to + j, load<Float>(old + j) - factor * gradient);
    }
    for (; j < n; ++j) {
      const float gradient = x[i] * d[j];
      to[j] = old[j] - rate * gradient;
    }
  }
}

}  // namespace

ThinKernels thin_kernels() { return {multiply, subtract_outer}; }

}  // namespace sloy::SLOY_ISA
