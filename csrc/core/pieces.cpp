#include "core/pieces.h"

#include <algorithm>
#include <utility>

#include "core/parallel.h"
#include "core/program.h"
#include "core/registry.h"

namespace sloy {
namespace {

constexpr std::int64_t most_pieces = 8;  // of a batch whose samples are apart
constexpr std::int64_t most_sums = 4;    // of one that is summed: each has results of its own
constexpr std::size_t most_sum_bytes = std::size_t{256} << 20;
constexpr std::int64_t worth_pieces = 1 << 14;  // elements read and written

std::int64_t pieces_of(const Instruction& instruction, const Cut& cut) {
  if (cut.inputs.empty()) return 1;
  std::int64_t elements = 0;
  std::size_t result_bytes = 0;
  for (const TensorSpec& tensor : instruction.inputs) elements += tensor.elements();
  for (const TensorSpec& tensor : instruction.outputs) {
    elements += tensor.elements();
    result_bytes += tensor.bytes();
  }
  if (elements < worth_pieces) return 1;
  std::int64_t pieces = cut.sums ? most_sums : most_pieces;
  while (cut.sums && pieces > 1 &&
         static_cast<std::size_t>(pieces) * result_bytes > most_sum_bytes) {
    pieces /= 2;
  }
  const std::int64_t rows = instruction.inputs[0].shape[0];
  return std::clamp<std::int64_t>(rows / cut.fewest_samples, 1, pieces);
}

template <class Pointer>
Pointer moved(Pointer address, std::int64_t rows, const TensorSpec& tensor) {
  using Byte = std::conditional_t<std::is_same_v<Pointer, void*>, std::byte, const std::byte>;
  const std::int64_t extent = std::max<std::int64_t>(tensor.shape[0], 1);
  return static_cast<Byte*>(address) +
         tensor.bytes() / static_cast<std::size_t>(extent) * static_cast<std::size_t>(rows);
}

// Scratch: for each piece what its kernel needs and, where results are summed, its results.
class Pieces final : public Kernel {
 public:
  Pieces(const Instruction& whole, Cut cut, const Options& options)
      : whole_(whole), cut_(std::move(cut)), threads_(options.threads) {
    const TeamSize alone(1);
    const auto count = static_cast<int>(pieces_of(whole, cut_));
    for (int i = 0; i < count; ++i) {
      Instruction part = whole;
      const Range rows = count == 1 ? Range{0, 0} : part_of(whole.inputs[0].shape[0], count, i);
      if (count > 1) {
        for (std::size_t k = 0; k < part.inputs.size(); ++k) {
          if (cut_.inputs[k]) part.inputs[k].shape[0] = rows.end - rows.begin;
        }
        for (TensorSpec& output : part.outputs) {
          if (!cut_.sums) output.shape[0] = rows.end - rows.begin;
        }
      }
      first_rows_.push_back(rows.begin);
      kernels_.push_back(
          create_kernel(part, Options{1, false, options.emulated_bfloat16, options.updates}));
      scratch_each_ = std::max(scratch_each_, aligned(kernels_.back()->scratch_bytes()));
    }
    for (const TensorSpec& output : whole.outputs) result_bytes_ += aligned(output.bytes());
  }

  std::size_t scratch_bytes() const override {
    return kernels_.size() * (scratch_each_ + (sums() ? result_bytes_ : 0));
  }

  void bind(const Addresses& addresses) override {
    addresses_ = addresses;
    auto* free = static_cast<std::byte*>(addresses.scratch);
    for (std::size_t i = 0; i < kernels_.size(); ++i) {
      Addresses part;
      for (std::size_t k = 0; k < addresses.inputs.size(); ++k) {
        const bool cut = kernels_.size() > 1 && cut_.inputs[k];
        part.inputs.push_back(cut ? moved(addresses.inputs[k], first_rows_[i], whole_.inputs[k])
                                  : addresses.inputs[k]);
      }
      part.scratch = free;
      free += scratch_each_;
      for (std::size_t k = 0; k < addresses.outputs.size(); ++k) {
        if (sums()) {
          part.outputs.push_back(free);
          free += aligned(whole_.outputs[k].bytes());
        } else {
          part.outputs.push_back(moved(addresses.outputs[k], first_rows_[i], whole_.outputs[k]));
        }
      }
      results_.push_back(part.outputs);
      kernels_[i]->bind(part);
    }
  }

  // Alone, a piece is the whole.
  const void* subject() const override {
    return kernels_.size() == 1 ? kernels_.front()->subject() : nullptr;
  }
  void share(Known* known) override { kernels_.front()->share(known); }

  void run() override {
    // Inside a team, what a kernel calls in turn stays on its thread.
    const auto count = static_cast<std::int64_t>(kernels_.size());
    parallel_for(threads_, count, 0, 1, [&](int, Range range) {
      for (auto i = range.begin; i < range.end; ++i) kernels_[static_cast<std::size_t>(i)]->run();
    });
    if (!sums()) return;
    for (std::size_t k = 0; k < whole_.outputs.size(); ++k) add_up(k);
  }

 private:
  bool sums() const { return cut_.sums && kernels_.size() > 1; }

  void add_up(std::size_t output) {
    constexpr std::int64_t worth_a_barrier = 1 << 15, line = 16;
    auto* to = static_cast<float*>(addresses_.outputs[output]);
    parallel_for(threads_, whole_.outputs[output].elements(), worth_a_barrier, line,
                 [&](int, Range range) {
                   const auto part = [&](std::size_t i) {
                     return static_cast<const float*>(results_[i][output]);
                   };
                   const float* first = part(0);
                   std::copy(first + range.begin, first + range.end, to + range.begin);
                   for (std::size_t i = 1; i < results_.size(); ++i) {
                     const float* from = part(i);
                     for (auto e = range.begin; e < range.end; ++e) to[e] += from[e];
                   }
                 });
  }

  Instruction whole_;
  Cut cut_;
  int threads_;
  std::vector<std::unique_ptr<Kernel>> kernels_;
  std::vector<std::int64_t> first_rows_;
  std::size_t scratch_each_ = 0, result_bytes_ = 0;
  std::vector<std::vector<void*>> results_;
  Addresses addresses_;
};

}  // namespace

std::unique_ptr<Kernel> in_pieces(const Instruction& instruction, const Options& options) {
  const Registration* const entry = registration_of(instruction.op);
  if (entry == nullptr || entry->cut == nullptr) return nullptr;
  auto whole = create_kernel(instruction, options);
  if (whole->any_threads()) return whole;
  return std::make_unique<Pieces>(instruction, entry->cut(instruction), options);
}

}  // namespace sloy
