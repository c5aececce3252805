// A kernel for the weight gradient of first layers, which have few input channels.
#pragma once

#include <memory>

#include "core/kernel.h"
#include "kernels/convolution_shape.h"

namespace sloy {

// Null where oneDNN is to be taken.
std::unique_ptr<Kernel> make_direct_weight_grad(const ConvolutionShape&, const Options&);

}  // namespace sloy
