// How an elementwise kernel reads an operand that may repeat along some axes.
#pragma once

#include <cstdint>
#include <vector>

#include "core/kernel.h"

namespace sloy {

enum class Access : std::uint8_t { dense, uniform, tile, expand };

struct Operand {
  Access access = Access::dense;
  std::size_t size = 4;               // bytes per element
  std::vector<std::int64_t> strides;  // over the collapsed shape
  std::int64_t period = 0;            // of a tile
  const char* address = nullptr;
  std::uint32_t* tile = nullptr;
};

// An operand of `strides` in elements over `shape`. Throws std::invalid_argument where they reach
// beyond it.
Operand describe_operand(const TensorSpec& spec, const Shape& shape,
                         const std::vector<std::int64_t>& strides);

// Writes `length` words of a tile: one period after another.
void fill_tile(const Operand& operand, std::int64_t length);

}  // namespace sloy
