// oneDNN 3.2's batch-reduce convolutions ("brgconv") are known to go wrong where the channels that
// they sum over do not fill a vector (fixed in 3.3 and 3.4), and its bfloat16 primitives for more
// shapes, some because they read beside their operands (NaN · 0 is NaN): such a kernel is tried on
// integers, whose sums are exact, between NaN, before it is trusted.
#pragma once

#include "core/convolution_shape.h"
#include "core/kernel.h"
#include "core/matmul_shape.h"

namespace sloy::onednn {

// Each runs the kernel once on small integers and compares some elements, the borders among them,
// with the definition. The kernel must be bound anew afterwards.
bool convolution_is_right(Kernel& kernel, const ConvolutionShape&);
bool input_grad_is_right(Kernel& kernel, const ConvolutionShape&);
bool weight_grad_is_right(Kernel& kernel, const ConvolutionShape&);
bool matmul_is_right(Kernel& kernel, const MatmulShape&);

}  // namespace sloy::onednn
