#include "kernels/simd/random.h"

#include "kernels/simd/threefry.h"
#include "kernels/simd/vector.h"

namespace sloy::SLOY_ISA {
namespace {

constexpr std::int64_t registers =
    4;  // independent blocks in flight: a round waits for the last one

void dropout_mask(float* mask, std::uint32_t key0, std::uint32_t key1, std::uint32_t threshold,
                  std::int64_t begin, std::int64_t end) {
  Uint lane{};
  for (int i = 0; i < lanes; ++i) lane[i] = static_cast<std::uint32_t>(i);
  std::int64_t i = begin;
  while (i < end) {
    const auto high = static_cast<std::uint32_t>(i >> 32);
    const std::int64_t carry = ((i >> 32) + 1) << 32;
    const std::int64_t stop = end < carry ? end : carry;
    for (; i + registers * lanes <= stop; i += registers * lanes) {
      Uint draws[registers];
      for (int r = 0; r < registers; ++r) {
        const Uint low = lane + static_cast<std::uint32_t>(i + r * lanes);
        const auto words = threefry2x32<Uint>(key0, key1, splat<Uint>(high), low);
        draws[r] = (words.w0 ^ words.w1) >> 9;
      }
      for (int r = 0; r < registers; ++r) {
        const Int kept = reinterpret_cast<Int>(draws[r]) < static_cast<std::int32_t>(threshold);
        store<Float>(mask + (i - begin) + r * lanes, from_bits(kept & bits(splat<Float>(1.0f))));
      }
    }
    for (; i < stop; ++i) {
      const auto words =
          threefry2x32<std::uint32_t>(key0, key1, high, static_cast<std::uint32_t>(i));
      mask[i - begin] = ((words.w0 ^ words.w1) >> 9) < threshold ? 1.0f : 0.0f;
    }
  }
}

}  // namespace

DropoutMask dropout_mask_kernel() { return dropout_mask; }

}  // namespace sloy::SLOY_ISA
