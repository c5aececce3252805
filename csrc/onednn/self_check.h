// oneDNN 3.2's batch-reduce convolutions ("brgconv") are known to go wrong where the channels that
// they sum over do not fill a vector (fixed in 3.3 and 3.4): such a kernel is tried on integers,
// whose sums are exact, before it is trusted.
#pragma once

#include "core/kernel.h"
#include "kernels/convolution_shape.h"

namespace sloy::onednn {

// Runs the kernel once on small integers and compares some elements, the borders among them, with
// the definition. The kernel must be bound anew afterwards.
bool convolution_is_right(Kernel& kernel, const ConvolutionShape&);
bool input_grad_is_right(Kernel& kernel, const ConvolutionShape&);

}  // namespace sloy::onednn
