// elementwise: a whole expression of elementwise ops in one pass over blocks that stay in the L1
// cache. Operands are read where they lie: dense ones directly, broadcast ones through a tile or a
// register. Attributes: `shape`, the common shape; `strides`, for each input one stride per axis in
// elements (0 where it is repeated); `program` and `results` (expression.h). Outputs are dense and
// may share the memory of a dense input of the same dtype. With `sums`, that many last outputs are
// (C,), the last extent of the shape: their values summed over all other axes. Runs of bounded
// length are summed apart and then together, so that neither order nor result depends on threads.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <stdexcept>

#include "core/parallel.h"
#include "kernels/block_schedule.h"
#include "kernels/draws.h"
#include "kernels/expression.h"
#include "kernels/operand.h"
#include "kernels/outer_update.h"
#include "kernels/pick_isa.h"
#include "kernels/simd/random.h"
#include "kernels/strided.h"

namespace sloy {
namespace {

constexpr std::int64_t usual_block = 512;      // elements of a register
constexpr std::int64_t parallel_cost = 65536;  // simple operations below which one thread is faster

// How `count` values are summed by channel: elements of a block, of a part that is summed by
// itself, and of a row of sums, which holds whole vectors of whole channels.
struct ChannelSums {
  std::int64_t count = 0, channels = 1, row = 0, part = 0, parts = 0;

  std::int64_t floats() const { return count * row; }  // of a part
};

ChannelSums channel_sums(std::int64_t count, std::int64_t channels, std::int64_t size,
                         std::int64_t& block) {
  if (count == 0) return {};
  constexpr std::int64_t wide = 64, least_blocks = 8, most_blocks = 64, fewest_parts = 16;
  const std::int64_t least = std::lcm(channels, simd::most_lanes);
  const std::int64_t row = least * std::max<std::int64_t>(1, wide / least);
  block = row * std::max<std::int64_t>(1, usual_block / row);
  const std::int64_t blocks = (size + block - 1) / block;
  const std::int64_t part =
      block * std::clamp<std::int64_t>(blocks / fewest_parts, least_blocks, most_blocks);
  return {count, channels, row, part, (size + part - 1) / part};
}

class Elementwise final : public Kernel {
 public:
  Elementwise(const Instruction& instruction, const Options& options)
      : table_(simd::table()),
        draw_(SLOY_PICK_ISA(dropout_mask_kernel)()),
        threads_(options.threads) {
    read_operands(instruction);
    std::vector<bool> uniform;
    for (const Operand& input : inputs_) uniform.push_back(input.access == Access::uniform);
    expression_ = parse_expression(instruction, uniform);
    slots_ = {static_cast<int>(inputs_.size()), static_cast<int>(outputs_.size()),
              static_cast<int>(expression_.values.size())};
    masks_.resize(expression_.values.size());
    serial_below_ = parallel_cost / std::max(1, cost_of(expression_));
    for (std::int64_t k = 0; k < sums_.count; ++k) add_to_.push_back(nullptr);
    // The most registers are needed when every output is held back to the end of its block.
    schedule_ = schedule_block(table_, expression_, inputs_, outputs_,
                               std::vector<bool>(outputs_.size(), true));
  }

  std::size_t scratch_bytes() const override {
    const std::int64_t words = shared_words() + threads_ * thread_words();
    return static_cast<std::size_t>(words + sums_.parts * sums_.floats()) * 4;
  }

  void bind(const Addresses& addresses) override {
    scratch_ = static_cast<std::uint32_t*>(addresses.scratch);
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      inputs_[i].address = static_cast<const char*>(addresses.inputs[i]);
    }
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      outputs_[i].address = static_cast<char*>(addresses.outputs[i]);
    }
    for (std::size_t k = 0; k < add_to_.size(); ++k) {
      add_to_[k] = static_cast<float*>(addresses.outputs[outputs_.size() + k]);
    }
    schedule_ = schedule_block(table_, expression_, inputs_, outputs_,
                               held_back(expression_, inputs_, outputs_));
  }

  void run() override {
    if (size_ == 0) return;
    prepare_shared();
    if (sums_.count == 0) {
      parallel_for(threads_, size_, serial_below_, 64,
                   [this](int thread, Range range) { run_range(thread, range, nullptr); });
      return;
    }
    parallel_for(threads_, size_, serial_below_, sums_.part, [this](int thread, Range range) {
      for (std::int64_t begin = range.begin; begin < range.end; begin += sums_.part) {
        float* sums = part_sums(begin / sums_.part);
        std::fill_n(sums, sums_.floats(), 0.0f);
        run_range(thread, {begin, std::min(begin + sums_.part, range.end)}, sums);
      }
    });
    add_parts();
  }

 private:
  struct SumsOf {
    float *part, *row;  // of the part that is computed; a row of working memory
  };

  std::int64_t shared_words() const {
    return static_cast<std::int64_t>(expression_.values.size()) * simd::most_lanes + tile_words_;
  }
  std::int64_t thread_words() const {
    return schedule_.registers * block_ + (slots_.inputs + slots_.outputs) * simd::most_lanes +
           sums_.row;
  }
  float* part_sums(std::int64_t part) const {
    std::uint32_t* behind = scratch_ + shared_words() + threads_ * thread_words();
    return reinterpret_cast<float*>(behind) + part * sums_.floats();
  }

  void read_operands(const Instruction& instruction) {
    shape_ = get_ints(instruction, "shape");
    const auto& strides = get_ints(instruction, "strides");
    const std::size_t rank = shape_.size();
    size_ = TensorSpec{DType::float32, shape_}.elements();
    if (strides.size() != rank * instruction.inputs.size()) {
      throw std::invalid_argument("elementwise: `strides` does not fit the inputs");
    }
    std::vector<std::vector<std::int64_t>> all;
    for (std::size_t i = 0; i < instruction.inputs.size(); ++i) {
      const auto first = strides.begin() + static_cast<std::ptrdiff_t>(i * rank);
      all.emplace_back(first, first + static_cast<std::ptrdiff_t>(rank));
    }
    const std::int64_t sums = has(instruction, "sums") ? get_int(instruction, "sums") : 0;
    const auto maps = static_cast<std::ptrdiff_t>(instruction.outputs.size()) - sums;
    if (maps < 0 || sums < 0 || (sums > 0 && shape_.empty())) {
      throw std::invalid_argument("elementwise: `sums` are some of the outputs");
    }
    sums_ = channel_sums(sums, shape_.empty() ? 1 : shape_.back(), size_, block_);
    collapse(shape_, all);
    for (std::size_t i = 0; i < all.size(); ++i) {
      inputs_.push_back(describe_operand(instruction.inputs[i], shape_, all[i]));
      if (inputs_.back().access == Access::tile) tile_words_ += tile_length(inputs_.back());
    }
    for (std::ptrdiff_t i = 0; i < maps + sums; ++i) {
      const TensorSpec& spec = instruction.outputs[static_cast<std::size_t>(i)];
      const bool fits = i < maps
                            ? spec.elements() == size_
                            : spec.elements() == sums_.channels && spec.dtype == DType::float32;
      if (!fits) throw std::invalid_argument("elementwise: output of other size");
      if (i < maps) outputs_.push_back({size_of(spec.dtype), nullptr});
    }
  }

  // Long enough that any block can be read from any position of the first period, in whole vectors.
  std::int64_t tile_length(const Operand& input) const {
    return (std::min(size_, input.period + block_) + 2 * simd::most_lanes - 1) / simd::most_lanes *
           simd::most_lanes;
  }

  std::uint32_t* uniform_address(int value) const { return scratch_ + value * simd::most_lanes; }

  // Uniform values, each repeated over one widest vector, and tiles: before the threads start.
  void prepare_shared() {
    std::uint32_t* tile = uniform_address(slots_.values);
    for (int v = 0; v < slots_.values; ++v) {
      const Value& value = expression_.values[static_cast<std::size_t>(v)];
      if (value.kind == Value::Kind::constant) {
        std::fill_n(uniform_address(v), simd::most_lanes, value.word);
      } else if (value.kind == Value::Kind::mask) {
        const auto* key = word_address(value.operand[0]);
        masks_[static_cast<std::size_t>(v)] =
            key_of(key, value.stream, *word_address(value.operand[1]));
      } else if (value.kind == Value::Kind::input) {
        Operand& input = inputs_[static_cast<std::size_t>(v)];
        if (input.access == Access::uniform) {
          std::fill_n(uniform_address(v), simd::most_lanes, word_at(input.address, input.size));
        } else if (input.access == Access::tile) {
          input.tile = tile;
          fill_tile(input, tile_length(input));
          tile += tile_length(input);
        }
      }
    }
    for (const BlockStep& step : schedule_.prologue) {
      const int first = slots_.uniform(0);
      const void* in[3] = {uniform_address(step.in[0] - first), nullptr, nullptr};
      for (int k = 1; k < 3 && step.in[k] >= first; ++k)
        in[k] = uniform_address(step.in[k] - first);
      step.loop(uniform_address(step.out - first), in, simd::most_lanes);
    }
  }

  const std::uint32_t* word_address(int input) const {
    return reinterpret_cast<const std::uint32_t*>(inputs_[static_cast<std::size_t>(input)].address);
  }

  void run_range(int thread, Range range, float* sums) const {
    std::uint32_t* own = scratch_ + shared_words() + thread * thread_words();
    std::uint32_t* staging = own + schedule_.registers * block_;
    auto* row = reinterpret_cast<float*>(own + thread_words() - sums_.row);
    void* slots[max_slots];
    for (int v = 0; v < slots_.values; ++v) slots[slots_.uniform(v)] = uniform_address(v);
    for (int r = 0; r < schedule_.registers; ++r) slots[slots_.of_register(r)] = own + r * block_;
    const std::int64_t whole =
        range.begin + (range.end - range.begin) / table_.lanes * table_.lanes;
    for (std::int64_t begin = range.begin; begin < whole; begin += block_) {
      for (int i = 0; i < slots_.inputs; ++i) slots[i] = input_at(i, begin);
      for (int o = 0; o < slots_.outputs; ++o) slots[slots_.output(o)] = output_at(o, begin);
      const std::int64_t n = std::min(block_, whole - begin);
      run_block(slots, begin, n, n, {sums, row});
    }
    if (whole < range.end) run_tail(slots, staging, whole, range.end - whole, {sums, row});
  }

  void* input_at(int i, std::int64_t begin) const {
    const Operand& input = inputs_[static_cast<std::size_t>(i)];
    if (input.access == Access::tile) return input.tile + begin % input.period;
    return const_cast<char*>(input.address) + begin * static_cast<std::int64_t>(input.size);
  }

  char* output_at(int o, std::int64_t begin) const {
    const Output& output = outputs_[static_cast<std::size_t>(o)];
    return output.address + begin * static_cast<std::int64_t>(output.size);
  }

  // The last elements, fewer than a vector: dense operands go through staging so that whole vectors
  // are safe.
  void run_tail(void** slots, std::uint32_t* staging, std::int64_t begin, std::int64_t n,
                SumsOf sums) const {
    for (int i = 0; i < slots_.inputs; ++i) {
      const Operand& input = inputs_[static_cast<std::size_t>(i)];
      slots[i] = input_at(i, begin);
      if (input.access != Access::dense) continue;
      std::memset(staging + i * simd::most_lanes, 0, simd::most_lanes * 4);
      std::memcpy(staging + i * simd::most_lanes, slots[i],
                  static_cast<std::size_t>(n) * input.size);
      slots[i] = staging + i * simd::most_lanes;
    }
    for (int o = 0; o < slots_.outputs; ++o) {
      slots[slots_.output(o)] = staging + (slots_.inputs + o) * simd::most_lanes;
    }
    run_block(slots, begin, table_.lanes, n, sums);
    for (int o = 0; o < slots_.outputs; ++o) {
      std::memcpy(output_at(o, begin), slots[slots_.output(o)],
                  static_cast<std::size_t>(n) * outputs_[static_cast<std::size_t>(o)].size);
    }
  }

  // n values by channel, of which the first is that of element `begin`. A part begins with a row.
  void add(float* sums, float* row, const float* values, std::int64_t begin, std::int64_t n) const {
    const simd::Loop plus = table_.loops[static_cast<int>(simd::Opcode::add_f)][0];
    const std::int64_t column = begin % sums_.row;
    const std::int64_t rows = column == 0 ? n / sums_.row : 0;
    if (rows > 1) table_.float32.sum.columns(row, values, rows, sums_.row, sums_.row);
    if (rows > 0) {
      const void* in[3] = {sums, rows > 1 ? row : values, nullptr};
      plus(sums, in, sums_.row);
    }
    for (std::int64_t e = rows * sums_.row; e < n; ++e) {
      sums[(column + e) % sums_.row] += values[e];
    }
  }

  // The parts' sums, in their order.
  void add_parts() const {
    constexpr std::int64_t run = 64;  // parts
    const std::int64_t floats = sums_.floats();
    std::int64_t count = sums_.parts;
    while (count > 1) {
      std::int64_t kept = 0;
      for (std::int64_t begin = 0; begin < count; begin += run) {
        table_.float32.sum.columns(part_sums(kept++), part_sums(begin),
                                   std::min(run, count - begin), floats, floats);
      }
      count = kept;
    }
    for (std::int64_t k = 0; k < sums_.count; ++k) {
      const float* from = part_sums(0) + k * sums_.row;
      float* to = add_to_[static_cast<std::size_t>(k)];
      std::copy_n(from, sums_.channels, to);
      for (std::int64_t e = sums_.channels; e < sums_.row; ++e) to[e % sums_.channels] += from[e];
    }
  }

  // `n` elements in whole vectors, of which `valid` exist (the rest of an expanded operand stays as
  // it is).
  void run_block(void* const* slots, std::int64_t begin, std::int64_t n, std::int64_t valid,
                 SumsOf sums) const {
    for (const BlockStep& step : schedule_.steps) {
      if (step.sum >= 0) {
        add(sums.part + step.sum * sums_.row, sums.row,
            static_cast<const float*>(slots[step.in[0]]), begin, valid);
        continue;
      }
      const auto from = static_cast<std::size_t>(step.in[0]);
      if (step.loop == nullptr && expression_.values[from].kind == Value::Kind::mask) {
        const Words key = masks_[from];
        draw_(static_cast<float*>(slots[step.out]), key.w0, key.w1, expression_.values[from].word,
              begin, begin + n);
        continue;
      }
      if (step.loop == nullptr) {
        const Operand& input = inputs_[from];
        auto* to = static_cast<std::uint32_t*>(slots[step.out]);
        if (valid < n) std::fill(to + valid, to + n, 0U);
        expand(to, input.address, input.size, shape_, input.strides, begin, std::min(n, valid));
        continue;
      }
      const void* in[3] = {slots[step.in[0]], slots[step.in[1]], slots[step.in[2]]};
      step.loop(slots[step.out], in, n);
    }
  }

 public:
  static constexpr int max_slots = 2048;
  int slots() const { return slots_.of_register(schedule_.registers); }

 private:
  const simd::Table& table_;
  DropoutMask draw_;
  int threads_;
  std::int64_t size_ = 0;
  std::int64_t serial_below_ = 0;
  std::int64_t tile_words_ = 0;
  std::int64_t block_ = usual_block;
  ChannelSums sums_;
  std::vector<float*> add_to_;
  Shape shape_;  // collapsed
  std::vector<Operand> inputs_;
  std::vector<Output> outputs_;
  Expression expression_;
  Slots slots_;
  std::vector<Words> masks_;  // one per value, used or not
  BlockSchedule schedule_;
  std::uint32_t* scratch_ = nullptr;
};

std::unique_ptr<Kernel> make_elementwise(const Instruction& instruction, const Options& options) {
  if (!has(instruction, "sums")) {
    if (auto kernel = make_outer_update(instruction, options)) return kernel;
  }
  auto kernel = std::make_unique<Elementwise>(instruction, options);
  if (kernel->slots() > Elementwise::max_slots) {
    throw std::invalid_argument(
        "elementwise: the expression is too long; the planner must split it");
  }
  return kernel;
}

}  // namespace

void register_elementwise_kernels(Registry& registry) {
  registry["elementwise"] = {.create = make_elementwise, .takes_bfloat16 = true};
}

}  // namespace sloy
