#include "core/widened.h"

#include <algorithm>
#include <utility>

#include "core/parallel.h"
#include "kernels/simd/tables.h"

namespace sloy {
namespace {

bool is_bfloat16(const TensorSpec& tensor) { return tensor.dtype == DType::bfloat16; }

Instruction in_float32(Instruction instruction) {
  for (auto* tensors : {&instruction.inputs, &instruction.outputs}) {
    for (TensorSpec& tensor : *tensors) {
      if (is_bfloat16(tensor)) tensor.dtype = DType::float32;
    }
  }
  return instruction;
}

std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

// Scratch: what the float32 kernel needs, then its copies of the bfloat16 tensors.
class Widened final : public Kernel {
 public:
  Widened(const Instruction& instruction, const Options& options, KernelFactory factory)
      : wide_(in_float32(instruction)),
        kernel_(factory(wide_, options)),
        widen_(simd::table().loops[static_cast<int>(simd::Opcode::load_bf)][0]),
        round_(simd::table().loops[static_cast<int>(simd::Opcode::store_bf)][0]),
        threads_(options.threads) {
    for (const TensorSpec& input : instruction.inputs) inputs_.push_back(is_bfloat16(input));
    for (const TensorSpec& output : instruction.outputs) outputs_.push_back(is_bfloat16(output));
  }

  std::size_t scratch_bytes() const override {
    std::size_t bytes = aligned(kernel_->scratch_bytes());
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (inputs_[i]) bytes += aligned(wide_.inputs[i].bytes());
    }
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      if (outputs_[i]) bytes += aligned(wide_.outputs[i].bytes());
    }
    return bytes;
  }

  void bind(const Addresses& addresses) override {
    auto* free = static_cast<std::byte*>(addresses.scratch) + aligned(kernel_->scratch_bytes());
    const auto take = [&free](const TensorSpec& tensor) {
      return std::exchange(free, free + aligned(tensor.bytes()));
    };
    Addresses wide = addresses;
    before_.clear(), after_.clear();
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (!inputs_[i]) continue;
      std::byte* copy = take(wide_.inputs[i]);
      before_.push_back({copy, addresses.inputs[i], wide_.inputs[i].elements()});
      wide.inputs[i] = copy;
    }
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      if (!outputs_[i]) continue;
      std::byte* copy = take(wide_.outputs[i]);
      after_.push_back({addresses.outputs[i], copy, wide_.outputs[i].elements()});
      wide.outputs[i] = copy;
    }
    kernel_->bind(wide);
  }

  void run() override {
    for (const Conversion& conversion : before_) convert(conversion, widen_, 2, 4);
    kernel_->run();
    for (const Conversion& conversion : after_) convert(conversion, round_, 4, 2);
  }

 private:
  struct Conversion {
    void* to;
    const void* from;
    std::int64_t elements;
  };

  void convert(const Conversion& c, simd::Loop loop, std::int64_t from_size,
               std::int64_t to_size) const {
    constexpr std::int64_t worth_a_barrier = 1 << 15, line = 64;
    parallel_for(threads_, c.elements, worth_a_barrier, line, [&](int, Range range) {
      const void* in[] = {static_cast<const std::byte*>(c.from) + range.begin * from_size};
      loop(static_cast<std::byte*>(c.to) + range.begin * to_size, in, range.end - range.begin);
    });
  }

  Instruction wide_;
  std::unique_ptr<Kernel> kernel_;
  simd::Loop widen_, round_;
  int threads_;
  std::vector<bool> inputs_, outputs_;  // which are bfloat16
  std::vector<Conversion> before_, after_;
};

}  // namespace

bool has_bfloat16(const Instruction& instruction) {
  return std::any_of(instruction.inputs.begin(), instruction.inputs.end(), is_bfloat16) ||
         std::any_of(instruction.outputs.begin(), instruction.outputs.end(), is_bfloat16);
}

std::unique_ptr<Kernel> widened(const Instruction& instruction, const Options& options,
                                KernelFactory factory) {
  return std::make_unique<Widened>(instruction, options, factory);
}

}  // namespace sloy
