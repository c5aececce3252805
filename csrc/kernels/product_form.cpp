#include "kernels/product_form.h"

#include <stdexcept>

#include "core/widened.h"

namespace sloy {

std::string activation_of(const Instruction& instruction) {
  if (!has(instruction, "activation")) return "";
  const std::string& name = get_string(instruction, "activation");
  const bool known = name.empty() || name == "relu" || name == "tanh" || name == "sigmoid" ||
                     (name == "relu6" && instruction.op == "conv2d");
  if (!known) {
    throw std::invalid_argument(instruction.op + ": `activation` (=" + name +
                                ") must be relu, tanh or sigmoid, of conv2d also relu6.");
  }
  return name;
}

Activation activation_from(std::string_view name) {
  return name == "relu"      ? Activation::relu
         : name == "relu6"   ? Activation::relu6
         : name == "tanh"    ? Activation::tanh
         : name == "sigmoid" ? Activation::sigmoid
                             : Activation::none;
}

ProductForm product_form_of(const FusedForm& form) {
  return {form.bias, form.scale, form.residual, activation_from(form.activation)};
}

Ending ending_of(const ProductForm& form, const std::vector<const void*>& inputs) {
  std::size_t next = 2;
  const auto operand = [&](bool there) {
    return there ? static_cast<const float*>(inputs[next++]) : nullptr;
  };
  Ending ending;
  ending.bias = operand(form.bias);
  ending.scale = operand(form.scale);
  ending.residual = operand(form.residual);
  ending.activation = form.activation;
  return ending;
}

std::optional<DType> factors_of(const Instruction& instruction) {
  if (!has_bfloat16(instruction)) return DType::float32;
  for (std::size_t i = 0; i < instruction.inputs.size(); ++i) {
    const DType wanted = i < 2 ? DType::bfloat16 : DType::float32;
    if (instruction.inputs[i].dtype != wanted) return std::nullopt;
  }
  return DType::bfloat16;
}

}  // namespace sloy
