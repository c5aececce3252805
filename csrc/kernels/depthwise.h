// Kernels for convolutions of every channel by itself.
#pragma once

#include <memory>

#include "core/convolution_shape.h"
#include "core/kernel.h"

namespace sloy {

// Null where another implementation is to be taken: several channels in a group, dilation, windows
// wider than 7, fewer channels than a register holds. Of what is fused, bias and activation alone
// are done here.
std::unique_ptr<Kernel> make_depthwise_convolution(const ConvolutionShape&, const Options&);
std::unique_ptr<Kernel> make_depthwise_input_grad(const ConvolutionShape&, const Options&);
std::unique_ptr<Kernel> make_depthwise_weight_grad(const ConvolutionShape&, const Options&);

}  // namespace sloy
