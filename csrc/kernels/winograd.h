// Kernels for 3 × 3 convolutions with stride 1 that beat the direct method.
#pragma once

#include <memory>

#include "core/convolution_shape.h"
#include "core/kernel.h"

namespace sloy {

// Null where the direct method is to be taken: other kernels and strides, groups, few or odd
// channels, weights that outgrow the cache. Of what is fused, only `averaged` is not done here. A
// pooled form suits all three alike: the forward pass writes maxima and, with a second output,
// their places (simd/winograd.h); the gradients read the pooling's gradient and, third, the places.
std::unique_ptr<Kernel> make_winograd_convolution(const ConvolutionShape&, const Options&);
std::unique_ptr<Kernel> make_winograd_input_grad(const ConvolutionShape&, const Options&);
std::unique_ptr<Kernel> make_winograd_weight_grad(const ConvolutionShape&, const Options&);

}  // namespace sloy
