// oneDNN's matrix product.
#pragma once

#include <memory>

#include "core/kernel.h"
#include "core/matmul_shape.h"

namespace sloy::onednn {

// Null for bfloat16 that is not worth it or that fails its check (onednn/bfloat16.h).
std::unique_ptr<Kernel> make_matmul(const MatmulShape&, const Options&);

}  // namespace sloy::onednn
