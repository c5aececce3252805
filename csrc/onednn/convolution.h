// oneDNN's convolution and its two gradients.
#pragma once

#include <memory>

#include "core/convolution_shape.h"
#include "core/kernel.h"

namespace sloy::onednn {

// Null for what is fused beyond bias and activation, and for bfloat16 that is not worth it or that
// fails its check (onednn/bfloat16.h).
std::unique_ptr<Kernel> make_convolution(const ConvolutionShape&, const Options&);
std::unique_ptr<Kernel> make_input_grad(const ConvolutionShape&, const Options&);
std::unique_ptr<Kernel> make_weight_grad(const ConvolutionShape&, const Options&);

}  // namespace sloy::onednn
