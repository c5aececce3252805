// elementwise: a whole expression of elementwise ops in one pass over blocks that stay in the L1
// cache. Operands are read where they lie: dense ones directly, broadcast ones through a tile or a
// register. Attributes: `shape`, the common shape; `strides`, for each input one stride per axis in
// elements (0 where it is repeated); `program` and `results` (expression.h). Outputs are dense and
// may share the memory of a dense input of the same dtype.
#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "core/parallel.h"
#include "kernels/draws.h"
#include "kernels/expression.h"
#include "kernels/operand.h"
#include "kernels/outer_update.h"
#include "kernels/pick_isa.h"
#include "kernels/simd/random.h"
#include "kernels/strided.h"

namespace sloy {
namespace {

using simd::Opcode;

constexpr std::int64_t block = 512;            // elements of a register
constexpr std::int64_t widest = 16;            // lanes of the widest instruction set
constexpr std::int64_t parallel_cost = 65536;  // simple operations below which one thread is faster

struct Output {
  std::size_t size = 4;
  char* address = nullptr;
};

// A step reads and writes slots: addresses that are fixed (registers, uniform values) or move with
// the block.
struct BlockStep {
  simd::Loop loop =
      nullptr;  // none: expand input `in[0]`, or draw mask `in[0]`, into the slot `out`
  int out = 0;
  int in[3] = {0, 0, 0};
};

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
    masks_.resize(expression_.values.size());
    serial_below_ = parallel_cost / std::max(1, cost_of(expression_));
    // The most registers are needed when every output is held back to the end of its block.
    schedule(std::vector<bool>(outputs_.size(), true));
  }

  std::size_t scratch_bytes() const override {
    return static_cast<std::size_t>(shared_words() + threads_ * thread_words()) * 4;
  }

  void bind(const Addresses& addresses) override {
    scratch_ = static_cast<std::uint32_t*>(addresses.scratch);
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      inputs_[i].address = static_cast<const char*>(addresses.inputs[i]);
    }
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      outputs_[i].address = static_cast<char*>(addresses.outputs[i]);
    }
    schedule(held_back());
  }

  void run() override {
    if (size_ == 0) return;
    prepare_shared();
    parallel_for(threads_, size_, serial_below_, 64,
                 [this](int thread, Range range) { run_range(thread, range); });
  }

 private:
  int count(const auto& items) const { return static_cast<int>(items.size()); }
  // Slots: inputs, outputs, uniform values (one per value, used or not), registers.
  int input_slot(int i) const { return i; }
  int output_slot(int i) const { return count(inputs_) + i; }
  int uniform_slot(int value) const { return count(inputs_) + count(outputs_) + value; }
  int register_slot(int r) const { return uniform_slot(count(expression_.values)) + r; }

  std::int64_t shared_words() const {
    return static_cast<std::int64_t>(expression_.values.size()) * widest + tile_words_;
  }
  std::int64_t thread_words() const {
    return registers_ * block + (count(inputs_) + count(outputs_)) * widest;
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
    collapse(shape_, all);
    for (std::size_t i = 0; i < all.size(); ++i) {
      inputs_.push_back(describe_operand(instruction.inputs[i], shape_, all[i]));
      if (inputs_.back().access == Access::tile) tile_words_ += tile_length(inputs_.back());
    }
    for (const TensorSpec& spec : instruction.outputs) {
      if (spec.elements() != size_)
        throw std::invalid_argument("elementwise: output of other size");
      outputs_.push_back({size_of(spec.dtype), nullptr});
    }
  }

  // Long enough that any block can be read from any position of the first period, in whole vectors.
  std::int64_t tile_length(const Operand& input) const {
    return (std::min(size_, input.period + block) + 2 * widest - 1) / widest * widest;
  }

  // An output that shares memory with an input that is read after the output is written waits in a
  // register until the block's end.
  std::vector<bool> held_back() const {
    std::vector<bool> held(outputs_.size(), false);
    for (std::size_t o = 0; o < outputs_.size(); ++o) {
      for (std::size_t i = 0; i < inputs_.size(); ++i) {
        if (inputs_[i].address != outputs_[o].address) continue;
        if (inputs_[i].access != Access::dense || inputs_[i].size != outputs_[o].size) {
          throw std::invalid_argument(
              "elementwise: an output shares the memory of a broadcast input");
        }
        for (std::size_t v = 0; v < expression_.values.size(); ++v) {
          const Value& value = expression_.values[v];
          for (int k = 0; k < value.operands; ++k) {
            const bool later = static_cast<int>(v) > expression_.results[o];
            if (value.operand[k] == static_cast<int>(i) && later) held[o] = true;
          }
        }
        for (const int result : expression_.results) {  // copied out at the block's end
          if (result == static_cast<int>(i)) held[o] = true;
        }
      }
    }
    return held;
  }

  // Which output a value is computed into directly, or -1.
  int direct_output(int value, const std::vector<bool>& held) const {
    const Value& v = expression_.values[static_cast<std::size_t>(value)];
    const bool made = v.kind == Value::Kind::computed || v.kind == Value::Kind::mask;
    if (!made || v.uniform) return -1;
    for (int o = 0; o < count(outputs_); ++o) {
      const auto at = static_cast<std::size_t>(o);
      if (expression_.results[at] == value && outputs_[at].size == 4 && !held[at]) return o;
    }
    return -1;
  }

  void schedule(const std::vector<bool>& held) {
    const int values = count(expression_.values);
    std::vector<int> last_use(static_cast<std::size_t>(values), -1);
    for (int v = 0; v < values; ++v) {
      const Value& value = expression_.values[static_cast<std::size_t>(v)];
      for (int k = 0; k < value.operands; ++k) {
        last_use[static_cast<std::size_t>(value.operand[k])] = v;
      }
    }
    for (const int result : expression_.results)
      last_use[static_cast<std::size_t>(result)] = values;

    steps_.clear();
    prologue_.clear();
    registers_ = 0;
    std::vector<int> free;
    std::vector<int> slot(static_cast<std::size_t>(values), -1);
    const auto take = [&] {
      if (free.empty()) free.push_back(registers_++);
      const int r = free.back();
      free.pop_back();
      return register_slot(r);
    };
    const auto release = [&](int value, int at) {
      const int s = slot[static_cast<std::size_t>(value)];
      if (s >= register_slot(0) && last_use[static_cast<std::size_t>(value)] == at) {
        const int r = s - register_slot(0);
        if (std::find(free.begin(), free.end(), r) == free.end()) free.push_back(r);
      }
    };
    const auto place =
        [&](int value) {  // the slot of an operand, made ready where it needs a register
          int& s = slot[static_cast<std::size_t>(value)];
          const Value& v = expression_.values[static_cast<std::size_t>(value)];
          if (s >= 0) return s;
          if (v.uniform) return s = uniform_slot(value);
          const Operand& input =
              inputs_[static_cast<std::size_t>(value)];  // only inputs have no slot yet
          if (input.access == Access::expand) {
            s = take();
            steps_.push_back({nullptr, s, {value, 0, 0}});
          } else if (input.access == Access::dense && input.size < 4) {
            s = take();
            const Opcode load = input.size == 1 ? Opcode::load_u8 : Opcode::load_bf;
            steps_.push_back({loop_of(load, 0), s, {input_slot(value), 0, 0}});
          } else {
            s = input_slot(value);
          }
          return s;
        };
    for (int v = 0; v < values; ++v) {
      const Value& value = expression_.values[static_cast<std::size_t>(v)];
      if (value.kind == Value::Kind::mask) {
        const int output = direct_output(v, held);
        const int s = output >= 0 ? output_slot(output) : take();
        slot[static_cast<std::size_t>(v)] = s;
        steps_.push_back({nullptr, s, {v, 0, 0}});
      }
      if (value.kind != Value::Kind::computed) continue;
      BlockStep step;
      int uniform = 0;
      for (int k = 0; k < value.operands; ++k) {
        step.in[k] = place(value.operand[k]);
        if (expression_.values[static_cast<std::size_t>(value.operand[k])].uniform)
          uniform |= 1 << k;
      }
      if (value.uniform) {
        step.loop = loop_of(value.opcode, 0);
        step.out = slot[static_cast<std::size_t>(v)] = uniform_slot(v);
        prologue_.push_back(step);
        continue;
      }
      step.loop = loop_of(value.opcode, uniform);
      for (int k = 0; k < value.operands; ++k) release(value.operand[k], v);
      const int output = direct_output(v, held);
      step.out = slot[static_cast<std::size_t>(v)] = output >= 0 ? output_slot(output) : take();
      steps_.push_back(step);
    }
    // What is still to be read, before an output overwrites it.
    for (const int value : expression_.results) place(value);
    // Narrow outputs first: they take the place of no input that another output copies.
    for (const bool narrow : {true, false}) {
      for (int o = 0; o < count(outputs_); ++o) {
        if ((outputs_[static_cast<std::size_t>(o)].size < 4) == narrow) copy_out(o, place, take);
      }
    }
  }

  // A result from where it is to its output, unless it was computed there.
  void copy_out(int o, const auto& place, const auto& take) {
    const auto at = static_cast<std::size_t>(o);
    const int value = expression_.results[at];
    int from = place(value);
    if (from == output_slot(o)) return;
    const bool uniform = expression_.values[static_cast<std::size_t>(value)].uniform;
    if (outputs_[at].size == 4) {
      steps_.push_back({loop_of(Opcode::copy_w, uniform ? 1 : 0), output_slot(o), {from, 0, 0}});
      return;
    }
    if (uniform) {
      const int repeated = take();
      steps_.push_back({loop_of(Opcode::copy_w, 1), repeated, {from, 0, 0}});
      from = repeated;
    }
    const Opcode store = outputs_[at].size == 1 ? Opcode::store_u8 : Opcode::store_bf;
    steps_.push_back({loop_of(store, 0), output_slot(o), {from, 0, 0}});
  }

  simd::Loop loop_of(Opcode opcode, int uniform) const {
    return table_.loops[static_cast<int>(opcode)][uniform];
  }

  std::uint32_t* uniform_address(int value) const { return scratch_ + value * widest; }

  // Uniform values, each repeated over one widest vector, and tiles: before the threads start.
  void prepare_shared() {
    std::uint32_t* tile = uniform_address(count(expression_.values));
    for (int v = 0; v < count(expression_.values); ++v) {
      const Value& value = expression_.values[static_cast<std::size_t>(v)];
      if (value.kind == Value::Kind::constant) {
        std::fill_n(uniform_address(v), widest, value.word);
      } else if (value.kind == Value::Kind::mask) {
        const auto* key = word_address(value.operand[0]);
        masks_[static_cast<std::size_t>(v)] =
            key_of(key, value.stream, *word_address(value.operand[1]));
      } else if (value.kind == Value::Kind::input) {
        Operand& input = inputs_[static_cast<std::size_t>(v)];
        if (input.access == Access::uniform) {
          std::fill_n(uniform_address(v), widest, word_at(input.address, input.size));
        } else if (input.access == Access::tile) {
          input.tile = tile;
          fill_tile(input, tile_length(input));
          tile += tile_length(input);
        }
      }
    }
    for (const BlockStep& step : prologue_) {
      const int first = uniform_slot(0);
      const void* in[3] = {uniform_address(step.in[0] - first), nullptr, nullptr};
      for (int k = 1; k < 3 && step.in[k] >= first; ++k)
        in[k] = uniform_address(step.in[k] - first);
      step.loop(uniform_address(step.out - first), in, widest);
    }
  }

  const std::uint32_t* word_address(int input) const {
    return reinterpret_cast<const std::uint32_t*>(inputs_[static_cast<std::size_t>(input)].address);
  }

  void run_range(int thread, Range range) const {
    std::uint32_t* own = scratch_ + shared_words() + thread * thread_words();
    std::uint32_t* staging = own + registers_ * block;
    void* slots[max_slots];
    for (int v = 0; v < count(expression_.values); ++v) slots[uniform_slot(v)] = uniform_address(v);
    for (int r = 0; r < registers_; ++r) slots[register_slot(r)] = own + r * block;
    const std::int64_t whole =
        range.begin + (range.end - range.begin) / table_.lanes * table_.lanes;
    for (std::int64_t begin = range.begin; begin < whole; begin += block) {
      for (int i = 0; i < count(inputs_); ++i) slots[i] = input_at(i, begin);
      for (int o = 0; o < count(outputs_); ++o) slots[output_slot(o)] = output_at(o, begin);
      run_block(slots, begin, std::min(block, whole - begin));
    }
    if (whole < range.end) run_tail(slots, staging, whole, range.end - whole);
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
  void run_tail(void** slots, std::uint32_t* staging, std::int64_t begin, std::int64_t n) const {
    for (int i = 0; i < count(inputs_); ++i) {
      const Operand& input = inputs_[static_cast<std::size_t>(i)];
      slots[i] = input_at(i, begin);
      if (input.access != Access::dense) continue;
      std::memset(staging + i * widest, 0, widest * 4);
      std::memcpy(staging + i * widest, slots[i], static_cast<std::size_t>(n) * input.size);
      slots[i] = staging + i * widest;
    }
    for (int o = 0; o < count(outputs_); ++o) {
      slots[output_slot(o)] = staging + (count(inputs_) + o) * widest;
    }
    run_block(slots, begin, table_.lanes, n);
    for (int o = 0; o < count(outputs_); ++o) {
      std::memcpy(output_at(o, begin), slots[output_slot(o)],
                  static_cast<std::size_t>(n) * outputs_[static_cast<std::size_t>(o)].size);
    }
  }

  // `n` elements in whole vectors, of which `valid` exist (the rest of an expanded operand stays as
  // it is).
  void run_block(void* const* slots, std::int64_t begin, std::int64_t n,
                 std::int64_t valid = block) const {
    for (const BlockStep& step : steps_) {
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
  int slots() const { return register_slot(registers_); }

 private:
  const simd::Table& table_;
  DropoutMask draw_;
  int threads_;
  std::int64_t size_ = 0;
  std::int64_t serial_below_ = 0;
  std::int64_t tile_words_ = 0;
  int registers_ = 0;
  Shape shape_;  // collapsed
  std::vector<Operand> inputs_;
  std::vector<Output> outputs_;
  Expression expression_;
  std::vector<Words> masks_;  // one per value, used or not
  std::vector<BlockStep> prologue_, steps_;
  std::uint32_t* scratch_ = nullptr;
};

std::unique_ptr<Kernel> make_elementwise(const Instruction& instruction, const Options& options) {
  if (auto kernel = make_outer_update(instruction, options)) return kernel;
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
