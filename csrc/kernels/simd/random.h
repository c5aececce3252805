// threefry2x32 (Salmon et al., SC 2011), 20 rounds; compiled once per instruction set.
#pragma once

#include <cstdint>

namespace sloy {

// mask[i - begin] = 1 when ((w0 ^ w1) >> 9) < threshold, else 0, where (w0, w1) encrypts the
// counter (i >> 32, i & 0xffffffff) under the key, for i in [begin, end).
using DropoutMask = void (*)(float* mask, std::uint32_t key0, std::uint32_t key1,
                             std::uint32_t threshold, std::int64_t begin, std::int64_t end);

namespace baseline {
DropoutMask dropout_mask_kernel();
}
namespace avx2 {
DropoutMask dropout_mask_kernel();
}
namespace avx512 {
DropoutMask dropout_mask_kernel();
}

}  // namespace sloy
