// Our own matrix product, and convolutions by it.
#pragma once

#include <memory>

#include "core/convolution_shape.h"
#include "core/kernel.h"
#include "core/matmul_shape.h"

namespace sloy {

std::unique_ptr<Kernel> make_product(const MatmulShape&, const Options&);

// Whether such a convolution may be a product: of channels enough, in float32.
bool suits_product(const ConvolutionShape&);

// Null where another implementation is to be taken.
std::unique_ptr<Kernel> make_product_convolution(const ConvolutionShape&, const Options&);
std::unique_ptr<Kernel> make_product_weight_grad(const ConvolutionShape&, const Options&);

}  // namespace sloy
