#pragma once

namespace sloy {

enum class Activation { none, relu, relu6, tanh, sigmoid };

}  // namespace sloy
