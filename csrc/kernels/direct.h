// Kernels for convolutions with few channels.
#pragma once

#include <memory>

#include "core/convolution_shape.h"
#include "core/kernel.h"

namespace sloy {

// Null where another implementation is to be taken. The forward pass and the weight gradient of a
// pooled form suit alike; its input gradient is not done here, nor is a gate.
std::unique_ptr<Kernel> make_direct_convolution(const ConvolutionShape&, const Options&);
std::unique_ptr<Kernel> make_direct_input_grad(const ConvolutionShape&, const Options&);
std::unique_ptr<Kernel> make_direct_weight_grad(const ConvolutionShape&, const Options&);

}  // namespace sloy
