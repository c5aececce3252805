// Walks over tensors whose axes have any strides, counted in elements.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "core/kernel.h"

namespace sloy {

using Strides = std::vector<std::int64_t>;

inline Strides dense_strides(const Shape& shape) {
  Strides strides(shape.size(), 1);
  for (std::size_t axis = shape.size(); axis-- > 1;) {
    strides[axis - 1] = strides[axis] * shape[axis];
  }
  return strides;
}

// Merges neighbouring axes that every operand walks through as one, and drops axes of extent 1.
void collapse(Shape& shape, std::vector<Strides>& operands);

// The element of `size` 1, 2 or 4 bytes as a register holds it: a 32-bit word, of a bfloat16 (2
// bytes) that of the equal float32.
inline std::uint32_t word_at(const char* address, std::size_t size) {
  if (size == 1) return static_cast<std::uint8_t>(*address);
  if (size == 2) {
    std::uint16_t upper;
    std::memcpy(&upper, address, sizeof upper);
    return static_cast<std::uint32_t>(upper) << 16;
  }
  std::uint32_t word;
  std::memcpy(&word, address, sizeof word);
  return word;
}

// Words (`word_at`) [begin, begin + n) of the dense result of reading `from` by `strides` over
// `shape`.
void expand(std::uint32_t* to, const char* from, std::size_t size, const Shape& shape,
            const Strides& strides, std::int64_t begin, std::int64_t n);

// A copy between two walks over one shape, prepared once.
class StridedCopy {
 public:
  StridedCopy() = default;
  StridedCopy(Shape shape, Strides to, Strides from, std::size_t size, int threads);

  // `to` and `from` point at the walks' first elements and do not overlap.
  void run(void* to, const void* from) const;

 private:
  void run_rows(char* to, const char* from, std::int64_t begin, std::int64_t end) const;

  Shape shape_;
  Strides to_, from_;
  std::size_t size_ = 4;
  int threads_ = 1;
  std::int64_t rows_ = 0;  // product of all extents but the last
};

}  // namespace sloy
