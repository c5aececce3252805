// dropout_mask: key (2,) uint32, step () uint32 → mask of 0 and 1, a function of key, stream, step
// and logical position alone.
#include <cmath>
#include <stdexcept>

#include "core/kernel.h"
#include "core/parallel.h"
#include "kernels/draws.h"
#include "kernels/pick_isa.h"
#include "kernels/simd/random.h"

namespace sloy {
namespace {

class DropoutMaskKernel final : public Kernel {
 public:
  DropoutMaskKernel(std::int64_t elements, std::uint32_t stream, std::uint32_t threshold,
                    const Options& options)
      : elements_(elements),
        stream_(stream),
        threshold_(threshold),
        threads_(options.threads),
        fill_(SLOY_PICK_ISA(dropout_mask_kernel)()) {}

  void bind(const Addresses& addresses) override {
    key_ = static_cast<const std::uint32_t*>(addresses.inputs[0]);
    step_ = static_cast<const std::uint32_t*>(addresses.inputs[1]);
    mask_ = static_cast<float*>(addresses.outputs[0]);
  }

  void run() override {
    constexpr std::int64_t worth_a_barrier = 8192, unit = 64;
    const Words key = key_of(key_, stream_, *step_);
    parallel_for(threads_, elements_, worth_a_barrier, unit, [&](int, Range range) {
      fill_(mask_ + range.begin, key.w0, key.w1, threshold_, range.begin, range.end);
    });
  }

 private:
  std::int64_t elements_;
  std::uint32_t stream_, threshold_;
  int threads_;
  DropoutMask fill_;
  const std::uint32_t* key_ = nullptr;
  const std::uint32_t* step_ = nullptr;
  float* mask_ = nullptr;
};

std::unique_ptr<Kernel> make_dropout_mask(const Instruction& instruction, const Options& options) {
  const auto keep = static_cast<float>(get_double(instruction, "keep"));
  const std::int64_t stream = get_int(instruction, "stream");
  if (!(keep >= 0.0f && keep <= 1.0f)) {
    throw std::invalid_argument("dropout_mask: `keep` (=" + std::to_string(keep) +
                                ") must be between 0 and 1.");
  }
  if (stream < 0 || stream > 0xffffffffLL) {
    throw std::invalid_argument("dropout_mask: `stream` (=" + std::to_string(stream) +
                                ") must fit 32 bits.");
  }
  if (instruction.inputs.size() != 2 || instruction.outputs.size() != 1 ||
      instruction.inputs[0].elements() != 2 || instruction.inputs[1].elements() != 1) {
    throw std::invalid_argument("dropout_mask: takes a key of two words and a step.");
  }
  const auto threshold = static_cast<std::uint32_t>(std::ceil(std::ldexp(keep, 23)));
  return std::make_unique<DropoutMaskKernel>(
      instruction.outputs[0].elements(), static_cast<std::uint32_t>(stream), threshold, options);
}

}  // namespace

void register_random_kernels(Registry& registry) { registry["dropout_mask"] = make_dropout_mask; }

}  // namespace sloy
