// Kernels for convolutions with few channels.
#pragma once

#include <memory>

#include "core/kernel.h"
#include "kernels/convolution_shape.h"

namespace sloy {

// Null where oneDNN is to be taken. `pooled`: the forward pass and the weight gradient suit alike.
std::unique_ptr<Kernel> make_direct_convolution(const ConvolutionShape&, const Options&);
std::unique_ptr<Kernel> make_direct_input_grad(const ConvolutionShape&, const Options&);
std::unique_ptr<Kernel> make_direct_weight_grad(const ConvolutionShape&, const Options&);

}  // namespace sloy
