// What the random changes of a batch share (augment_pictures.cpp, augment_rows.cpp).
//
// Their meaning is src/sloy/graph/ops/augmentation.py, to the bit: these files must be compiled
// without contraction of products and sums (CMakeLists.txt), and their operations keep the order
// they have there.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>

#include "core/kernel.h"
#include "core/parallel.h"
#include "kernels/draws.h"

namespace sloy {

// Uniform in [-1, 1).
inline double signed_unit(std::uint32_t word) { return word * 0x1p-31 - 1.0; }

// Uniform among 0 … count - 1.
inline std::int64_t whole(std::uint32_t word, std::int64_t count) {
  return static_cast<std::int64_t>(std::floor(word * 0x1p-32 * static_cast<double>(count)));
}

// x, key (2,) uint32, step () uint32 → y.
class RandomKernel : public Kernel {
 public:
  RandomKernel(const Instruction& instruction, const Options& options)
      : stream_(static_cast<std::uint32_t>(get_int(instruction, "stream"))),
        threads_(options.threads) {}

  void bind(const Addresses& addresses) override {
    x_ = addresses.inputs[0];
    key_ = static_cast<const std::uint32_t*>(addresses.inputs[1]);
    step_ = static_cast<const std::uint32_t*>(addresses.inputs[2]);
    y_ = addresses.outputs[0];
  }

 protected:
  Words key() const { return key_of(key_, stream_, *step_); }

  template <class T>
  const T* x() const {
    return static_cast<const T*>(x_);
  }
  template <class T>
  T* y() const {
    return static_cast<T*>(y_);
  }

  // body(n) for each of `count` samples of `elements` numbers.
  template <class Body>
  void for_each(std::int64_t count, std::int64_t elements, Body&& body) const {
    constexpr std::int64_t worth_a_barrier = 8192;
    const std::int64_t least =
        std::max<std::int64_t>(2, worth_a_barrier / std::max<std::int64_t>(elements, 1));
    parallel_for(threads_, count, least, 1, [&](int, Range range) {
      for (std::int64_t n = range.begin; n < range.end; ++n) body(n);
    });
  }

 private:
  std::uint32_t stream_;
  int threads_;
  const void* x_ = nullptr;
  void* y_ = nullptr;
  const std::uint32_t* key_ = nullptr;
  const std::uint32_t* step_ = nullptr;
};

inline void check_random(const Instruction& instruction, std::size_t inputs = 3) {
  if (instruction.inputs.size() != inputs || instruction.outputs.size() != 1 ||
      instruction.inputs[inputs - 2].elements() != 2 ||
      instruction.inputs[inputs - 1].elements() != 1) {
    throw std::invalid_argument(instruction.op + ": takes x, a key of two words and a step.");
  }
}

}  // namespace sloy
