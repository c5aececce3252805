#pragma once

namespace sloy {

enum class Activation { none, relu, tanh, sigmoid };

}  // namespace sloy
