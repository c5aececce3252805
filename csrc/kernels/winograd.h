// Kernels for 3 × 3 convolutions with stride 1 that beat the direct method.
#pragma once

#include <memory>

#include "core/kernel.h"
#include "kernels/convolution_shape.h"

namespace sloy {

// Null where the direct method is to be taken: other kernels and strides, groups, few or odd
// channels, weights that outgrow the cache.
std::unique_ptr<Kernel> make_winograd_convolution(const ConvolutionShape&, const Options&);
// gated: the last input is of dx's shape; where that is not positive, dx is 0.
std::unique_ptr<Kernel> make_winograd_input_grad(const ConvolutionShape&, bool gated,
                                                 const Options&);
std::unique_ptr<Kernel> make_winograd_weight_grad(const ConvolutionShape&, const Options&);

// The same with a max-pooling over 2 × 2 of the convolution's result, whose shape `y` stays that of
// the shape given here: the forward pass writes maxima and, with a second output, their places
// (simd/winograd.h); the gradients read the pooling's gradient and, last, those places. Null where
// the pooling is to be a kernel of its own, for all three alike.
std::unique_ptr<Kernel> make_pooled_convolution(const ConvolutionShape&, const Options&);
std::unique_ptr<Kernel> make_pooled_input_grad(const ConvolutionShape&, bool gated, const Options&);
std::unique_ptr<Kernel> make_pooled_weight_grad(const ConvolutionShape&, const Options&);

}  // namespace sloy
