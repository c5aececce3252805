#include "core/widened.h"

#include <algorithm>
#include <utility>

#include "core/parallel.h"
#include "kernels/simd/tables.h"

namespace sloy {
namespace {

bool is_bfloat16(const TensorSpec& tensor) { return tensor.dtype == DType::bfloat16; }
bool is_float32(const TensorSpec& tensor) { return tensor.dtype == DType::float32; }

Instruction in_float32(Instruction instruction) {
  for (auto* tensors : {&instruction.inputs, &instruction.outputs}) {
    for (TensorSpec& tensor : *tensors) {
      if (is_bfloat16(tensor)) tensor.dtype = DType::float32;
    }
  }
  return instruction;
}

// Samples that are computed at a time. What lies between the conversions and the float32 kernel of
// so many stays in the L2 cache: a convolution of 128 pictures would write and read 11 MB there.
struct Chunks {
  Cut cut;                 // none: all samples at once
  std::int64_t samples{};  // of the whole batch
  std::int64_t each{};
  bool several() const { return each < samples; }
};

Chunks chunks_of(const Instruction& instruction, const Registration& entry, int threads) {
  constexpr std::size_t cache_bytes = std::size_t{1} << 19;        // of a thread
  constexpr std::size_t most_common_bytes = std::size_t{1} << 16;  // that each chunk needs anew
  Chunks chunks;
  if (entry.cut == nullptr) return chunks;
  Cut cut = entry.cut(instruction);
  if (cut.inputs.empty()) return chunks;
  const auto& outputs = instruction.outputs;
  std::size_t common = 0, bytes = 0;
  for (std::size_t i = 0; i < instruction.inputs.size(); ++i) {
    const TensorSpec& input = instruction.inputs[i];
    if (cut.inputs[i] && !is_bfloat16(input)) return chunks;
    (cut.inputs[i] ? bytes : common) += static_cast<std::size_t>(input.elements()) * 4;
  }
  if (!std::all_of(outputs.begin(), outputs.end(), cut.sums ? is_float32 : is_bfloat16)) {
    return chunks;
  }
  for (const TensorSpec& output : outputs) {
    (cut.sums ? common : bytes) += static_cast<std::size_t>(output.elements()) * 4;
  }
  const std::int64_t samples = instruction.inputs[0].shape[0];
  const std::size_t each = bytes / static_cast<std::size_t>(std::max<std::int64_t>(samples, 1));
  if (common > most_common_bytes || each == 0) return chunks;
  const auto fitting = static_cast<std::int64_t>(cache_bytes / each);
  chunks.each = std::max<std::int64_t>(fitting, 1) * threads;
  chunks.samples = samples;
  if (chunks.several()) chunks.cut = std::move(cut);
  return chunks;
}

// Scratch: what the float32 kernel needs, its copies of the bfloat16 tensors (of one chunk), and
// its sums over one chunk.
class Widened final : public Kernel {
 public:
  Widened(const Instruction& instruction, const Options& options, const Registration& entry)
      : whole_(instruction),
        wide_(in_float32(instruction)),
        chunks_(chunks_of(instruction, entry, options.threads)),
        widen_(simd::table().loops[static_cast<int>(simd::Opcode::load_bf)][0]),
        round_(simd::table().loops[static_cast<int>(simd::Opcode::store_bf)][0]),
        threads_(options.threads) {
    if (!chunks_.several()) {
      kernel_ = entry.create(wide_, options);
      return;
    }
    const std::int64_t rest = chunks_.samples % chunks_.each;
    kernel_ = entry.create(of_samples(chunks_.each), options);
    if (rest > 0) last_ = entry.create(of_samples(rest), options);
  }

  std::size_t scratch_bytes() const override {
    std::size_t bytes = kernel_bytes();
    for (std::size_t i = 0; i < whole_.inputs.size(); ++i) {
      if (is_bfloat16(whole_.inputs[i])) bytes += aligned(bytes_of(wide_.inputs[i], is_cut(i)));
    }
    for (std::size_t i = 0; i < whole_.outputs.size(); ++i) {
      if (is_copied(i)) bytes += aligned(bytes_of(wide_.outputs[i], outputs_are_cut()));
    }
    return bytes;
  }

  void bind(const Addresses& addresses) override {
    auto* free = static_cast<std::byte*>(addresses.scratch) + kernel_bytes();
    const auto take = [&](const TensorSpec& tensor, bool cut) {
      return std::exchange(free, free + aligned(bytes_of(tensor, cut)));
    };
    Addresses wide = addresses;
    once_.clear(), before_.clear(), after_.clear(), sums_.clear();
    for (std::size_t i = 0; i < whole_.inputs.size(); ++i) {
      if (!is_bfloat16(whole_.inputs[i])) continue;
      std::byte* copy = take(wide_.inputs[i], is_cut(i));
      (is_cut(i) ? before_ : once_).push_back(copying(copy, addresses.inputs[i], wide_.inputs[i]));
      wide.inputs[i] = copy;
    }
    for (std::size_t i = 0; i < whole_.outputs.size(); ++i) {
      if (!is_copied(i)) continue;
      std::byte* copy = take(wide_.outputs[i], outputs_are_cut());
      (is_bfloat16(whole_.outputs[i]) ? after_ : sums_)
          .push_back(copying(addresses.outputs[i], copy, wide_.outputs[i]));
      wide.outputs[i] = copy;
    }
    kernel_->bind(wide);
    if (last_) last_->bind(wide);
  }

  void run() override {
    for (const Copying& copy : once_) convert(copy.to, copy.from, copy.elements, widen_, 4);
    if (!chunks_.several()) {
      kernel_->run();
      for (const Copying& copy : after_) convert(copy.to, copy.from, copy.elements, round_, 2);
      return;
    }
    for (std::int64_t first = 0; first < chunks_.samples; first += chunks_.each) {
      run_chunk(first, std::min(chunks_.each, chunks_.samples - first));
    }
  }

 private:
  struct Copying {
    std::byte* to;
    const std::byte* from;
    std::int64_t elements;  // of the whole tensor
  };

  static Copying copying(void* to, const void* from, const TensorSpec& tensor) {
    return {static_cast<std::byte*>(to), static_cast<const std::byte*>(from), tensor.elements()};
  }

  bool is_cut(std::size_t input) const { return chunks_.several() && chunks_.cut.inputs[input]; }
  bool outputs_are_cut() const { return chunks_.several() && !chunks_.cut.sums; }
  bool is_copied(std::size_t output) const {
    return is_bfloat16(whole_.outputs[output]) || (chunks_.several() && chunks_.cut.sums);
  }
  std::size_t kernel_bytes() const {
    return aligned(std::max(kernel_->scratch_bytes(), last_ ? last_->scratch_bytes() : 0));
  }
  std::size_t bytes_of(const TensorSpec& tensor, bool cut) const {
    if (!cut) return tensor.bytes();
    return tensor.bytes() / static_cast<std::size_t>(chunks_.samples) *
           static_cast<std::size_t>(chunks_.each);
  }

  Instruction of_samples(std::int64_t samples) const {
    Instruction part = wide_;
    for (std::size_t i = 0; i < part.inputs.size(); ++i) {
      if (is_cut(i)) part.inputs[i].shape[0] = samples;
    }
    for (TensorSpec& output : part.outputs) {
      if (outputs_are_cut()) output.shape[0] = samples;
    }
    return part;
  }

  void run_chunk(std::int64_t first, std::int64_t samples) {
    for (const Copying& copy : before_) {
      const std::int64_t each = copy.elements / chunks_.samples;
      convert(copy.to, copy.from + first * each * 2, samples * each, widen_, 4);
    }
    (samples == chunks_.each ? kernel_ : last_)->run();
    for (const Copying& copy : after_) {
      const std::int64_t each = copy.elements / chunks_.samples;
      convert(copy.to + first * each * 2, copy.from, samples * each, round_, 2);
    }
    for (const Copying& copy : sums_) {
      auto* to = reinterpret_cast<float*>(copy.to);
      const auto* from = reinterpret_cast<const float*>(copy.from);
      for (std::int64_t i = 0; i < copy.elements; ++i) to[i] = (first > 0 ? to[i] : 0.0f) + from[i];
    }
  }

  // To elements of `to_size` bytes, from those of the other size.
  void convert(std::byte* to, const std::byte* from, std::int64_t elements, simd::Loop loop,
               std::int64_t to_size) const {
    constexpr std::int64_t worth_a_barrier = 1 << 15, line = 64;
    parallel_for(threads_, elements, worth_a_barrier, line, [&](int, Range range) {
      const void* in[] = {from + range.begin * (6 - to_size)};
      loop(to + range.begin * to_size, in, range.end - range.begin);
    });
  }

  Instruction whole_, wide_;
  Chunks chunks_;
  std::unique_ptr<Kernel> kernel_, last_;  // of a chunk, of what is left behind the chunks
  simd::Loop widen_, round_;
  int threads_;
  std::vector<Copying> once_, before_, after_, sums_;
};

}  // namespace

bool has_bfloat16(const Instruction& instruction) {
  return std::any_of(instruction.inputs.begin(), instruction.inputs.end(), is_bfloat16) ||
         std::any_of(instruction.outputs.begin(), instruction.outputs.end(), is_bfloat16);
}

std::unique_ptr<Kernel> widened(const Instruction& instruction, const Options& options,
                                const Registration& entry) {
  return std::make_unique<Widened>(instruction, options, entry);
}

}  // namespace sloy
