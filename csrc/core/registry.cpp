#include "core/registry.h"

namespace sloy {

void register_elementwise_kernels(Registry& registry);
void register_movement_kernels(Registry& registry);
void register_reduction_kernels(Registry& registry);
void register_softmax_kernels(Registry& registry);
void register_pooling_kernels(Registry& registry);
void register_random_kernels(Registry& registry);
void register_augment_kernels(Registry& registry);
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
    register_random_kernels(kernels);
    register_augment_kernels(kernels);
    register_onednn_convolution_kernels(kernels);
    register_onednn_matmul_kernels(kernels);
    return kernels;
  }();
  return table;
}

}  // namespace sloy
