#include "kernels/product_form.h"

#include <stdexcept>

#include "core/widened.h"

namespace sloy {

std::string activation_of(const Instruction& instruction) {
  if (!has(instruction, "activation")) return "";
  const std::string& name = get_string(instruction, "activation");
  if (!name.empty() && name != "relu" && name != "tanh" && name != "sigmoid") {
    throw std::invalid_argument(instruction.op + ": `activation` (=" + name +
                                ") must be relu, tanh or sigmoid.");
  }
  return name;
}

Activation activation_from(std::string_view name) {
  return name == "relu"      ? Activation::relu
         : name == "tanh"    ? Activation::tanh
         : name == "sigmoid" ? Activation::sigmoid
                             : Activation::none;
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
