#include "kernels/operand.h"

#include <algorithm>
#include <stdexcept>

#include "kernels/strided.h"

namespace sloy {

Operand describe_operand(const TensorSpec& spec, const Shape& shape,
                         const std::vector<std::int64_t>& strides) {
  constexpr std::int64_t longest_tile = 4096;  // elements
  Operand operand;
  operand.size = size_of(spec.dtype);
  operand.strides = strides;
  const std::int64_t elements = TensorSpec{spec.dtype, shape}.elements();
  std::int64_t reach = 1;  // elements that the strides touch
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    reach += (shape[axis] - 1) * strides[axis];
  }
  if (elements > 0 && reach > spec.elements()) {
    throw std::invalid_argument("elementwise: an input is smaller than its strides reach");
  }
  if (elements <= 1 || strides == dense_strides(shape)) {
    operand.access = Access::dense;
  } else if (std::all_of(strides.begin(), strides.end(), [](auto s) { return s == 0; })) {
    operand.access = Access::uniform;
  } else if (shape.size() == 2 && strides[0] == 0 && strides[1] == 1 && shape[1] <= longest_tile) {
    operand.access = Access::tile;
    operand.period = shape[1];
  } else {
    operand.access = Access::expand;
  }
  return operand;
}

void fill_tile(const Operand& operand, std::int64_t length) {
  const auto size = static_cast<std::int64_t>(operand.size);
  std::uint32_t* tile = operand.tile;
  for (std::int64_t i = 0; i < std::min(operand.period, length); ++i) {
    tile[i] = word_at(operand.address + i * size, operand.size);
  }
  for (std::int64_t i = operand.period; i < length; ++i) tile[i] = tile[i - operand.period];
}

}  // namespace sloy
