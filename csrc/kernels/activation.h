#pragma once

#include <string_view>

namespace sloy {

enum class Activation { none, relu, tanh, sigmoid };

inline Activation activation_from(std::string_view name) {
  return name == "relu"      ? Activation::relu
         : name == "tanh"    ? Activation::tanh
         : name == "sigmoid" ? Activation::sigmoid
                             : Activation::none;
}

}  // namespace sloy
