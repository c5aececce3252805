#include "core/registry.h"

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
void register_convolution_kernels(Registry& registry);
void register_separable_kernels(Registry& registry);
void register_matmul_kernels(Registry& registry);
void register_sparse_kernels(Registry& registry);

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
    register_convolution_kernels(kernels);
    register_separable_kernels(kernels);
    register_matmul_kernels(kernels);
    register_sparse_kernels(kernels);
    return kernels;
  }();
  return table;
}

const Registration* registration_of(std::string_view op) {
  const auto found = registry().find(op);
  return found == registry().end() ? nullptr : &found->second;
}

std::unique_ptr<Kernel> create_kernel(const Instruction& instruction, const Options& options) {
  const Registration* const entry = registration_of(instruction.op);
  if (entry == nullptr) {
    throw std::invalid_argument("no native kernel is named `" + instruction.op + "`");
  }
  const bool narrow = has_bfloat16(instruction);
  if (!narrow || entry->takes_bfloat16) {
    if (auto kernel = entry->create(instruction, options)) return kernel;
    if (!narrow) throw std::invalid_argument(instruction.op + ": the dtypes do not fit.");
  }
  return widened(instruction, options, *entry);
}

bool takes(const Instruction& instruction) {
  const Registration* const entry = registration_of(instruction.op);
  return entry != nullptr && entry->create(instruction, Options{}) != nullptr;
}

}  // namespace sloy
