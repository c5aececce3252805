// What the instructions of matrix products and convolutions have in common.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/convolution_shape.h"
#include "core/kernel.h"
#include "kernels/ending.h"

namespace sloy {

// "" when the instruction has no activation; throws std::invalid_argument when it is none of ours.
std::string activation_of(const Instruction& instruction);

Activation activation_from(std::string_view name);

// What is fused behind a product or a convolution; its operands follow the first two in this order.
struct ProductForm {
  bool bias = false, scale = false, residual = false;
  Activation activation = Activation::none;
};

ProductForm product_form_of(const FusedForm&);
Ending ending_of(const ProductForm&, const std::vector<const void*>& inputs);

// Of the first two inputs, which are multiplied: float32 without any bfloat16, bfloat16 where both
// are and all else that is read is float32. Nothing for other mixtures, which no kernel computes
// with.
std::optional<DType> factors_of(const Instruction& instruction);

}  // namespace sloy
