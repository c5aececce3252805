#include "core/registry.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include "core/widened.h"

namespace sloy {

void register_elementwise_kernels(Registry& registry);
void register_movement_kernels(Registry& registry);
void register_reduction_kernels(Registry& registry);
void register_softmax_kernels(Registry& registry);
void register_pooling_kernels(Registry& registry);
void register_augment_picture_kernels(Registry& registry);
void register_augment_row_kernels(Registry& registry);
void register_onednn_convolution_kernels(Registry& registry);
void register_onednn_matmul_kernels(Registry& registry);

const Registry& registry() {
  static const Registry table = [] {
    Registry kernels;
    register_elementwise_kernels(kernels);
    register_movement_kernels(kernels);
    register_reduction_kernels(kernels);
    register_softmax_kernels(kernels);
    register_pooling_kernels(kernels);
    register_augment_picture_kernels(kernels);
    register_augment_row_kernels(kernels);
    register_onednn_convolution_kernels(kernels);
    register_onednn_matmul_kernels(kernels);
    return kernels;
  }();
  return table;
}

namespace {

// Ops whose factories see bfloat16 tensors; they give null where they have no kernel for them.
constexpr std::string_view of_bfloat16[] = {
    "elementwise",
    "copy",
    "reshape",
    "transpose",
    "slice",
    "broadcast_to",
    "concatenate",
    "max_pool2d",
    "max_pool2d_grad",
    "matmul",
    "conv2d",
    "conv2d_input_grad",
    "conv2d_weight_grad",
};

}  // namespace

std::unique_ptr<Kernel> create_kernel(const Instruction& instruction, const Options& options) {
  const auto factory = registry().find(instruction.op);
  if (factory == registry().end()) {
    throw std::invalid_argument("no native kernel is named `" + instruction.op + "`");
  }
  const bool narrow = has_bfloat16(instruction);
  const auto* const end = std::end(of_bfloat16);
  if (!narrow || std::find(std::begin(of_bfloat16), end, instruction.op) != end) {
    if (auto kernel = factory->second(instruction, options)) return kernel;
    if (!narrow) throw std::invalid_argument(instruction.op + ": the dtypes do not fit.");
  }
  return widened(instruction, options, factory->second);
}

bool takes(const Instruction& instruction) {
  const auto factory = registry().find(instruction.op);
  return factory != registry().end() && factory->second(instruction, Options{}) != nullptr;
}

}  // namespace sloy
