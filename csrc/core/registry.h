// The one table of kernels.
#pragma once

#include "core/kernel.h"

namespace sloy {

const Registry& registry();

}  // namespace sloy
