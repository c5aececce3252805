#include "kernels/block_schedule.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace sloy {
namespace {

using simd::Opcode;

class Scheduler {
 public:
  Scheduler(const simd::Table& table, const Expression& expression,
            const std::vector<Operand>& inputs, const std::vector<Output>& outputs)
      : table_(table),
        expression_(expression),
        inputs_(inputs),
        outputs_(outputs),
        slots_{static_cast<int>(inputs.size()), static_cast<int>(outputs.size()),
               static_cast<int>(expression.values.size())} {}

  BlockSchedule schedule(const std::vector<bool>& held) {
    const int values = slots_.values;
    std::vector<int> last_use(static_cast<std::size_t>(values), -1);
    for (int v = 0; v < values; ++v) {
      const Value& value = expression_.values[static_cast<std::size_t>(v)];
      for (int k = 0; k < value.operands; ++k) {
        last_use[static_cast<std::size_t>(value.operand[k])] = v;
      }
    }
    for (const int result : expression_.results)
      last_use[static_cast<std::size_t>(result)] = values;

    std::vector<int> free;
    std::vector<int> slot(static_cast<std::size_t>(values), -1);
    const auto take = [&] {
      if (free.empty()) free.push_back(result_.registers++);
      const int r = free.back();
      free.pop_back();
      return slots_.of_register(r);
    };
    const auto release = [&](int value, int at) {
      const int s = slot[static_cast<std::size_t>(value)];
      if (s >= slots_.of_register(0) && last_use[static_cast<std::size_t>(value)] == at) {
        const int r = s - slots_.of_register(0);
        if (std::find(free.begin(), free.end(), r) == free.end()) free.push_back(r);
      }
    };
    const auto place =
        [&](int value) {  // the slot of an operand, made ready where it needs a register
          int& s = slot[static_cast<std::size_t>(value)];
          const Value& v = expression_.values[static_cast<std::size_t>(value)];
          if (s >= 0) return s;
          if (v.uniform) return s = slots_.uniform(value);
          const Operand& input =
              inputs_[static_cast<std::size_t>(value)];  // only inputs have no slot yet
          if (input.access == Access::expand) {
            s = take();
            result_.steps.push_back({nullptr, s, {value, 0, 0}});
          } else if (input.access == Access::dense && input.size < 4) {
            s = take();
            const Opcode load = input.size == 1 ? Opcode::load_u8 : Opcode::load_bf;
            result_.steps.push_back({loop_of(load, 0), s, {slots_.input(value), 0, 0}});
          } else {
            s = slots_.input(value);
          }
          return s;
        };
    for (int v = 0; v < values; ++v) {
      const Value& value = expression_.values[static_cast<std::size_t>(v)];
      if (value.kind == Value::Kind::mask) {
        const int output = direct_output(v, held);
        const int s = output >= 0 ? slots_.output(output) : take();
        slot[static_cast<std::size_t>(v)] = s;
        result_.steps.push_back({nullptr, s, {v, 0, 0}});
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
        step.out = slot[static_cast<std::size_t>(v)] = slots_.uniform(v);
        result_.prologue.push_back(step);
        continue;
      }
      step.loop = loop_of(value.opcode, uniform);
      for (int k = 0; k < value.operands; ++k) release(value.operand[k], v);
      const int output = direct_output(v, held);
      step.out = slot[static_cast<std::size_t>(v)] = output >= 0 ? slots_.output(output) : take();
      result_.steps.push_back(step);
    }
    // What is still to be read, before an output overwrites it.
    for (const int value : expression_.results) place(value);
    for (auto k = static_cast<std::size_t>(slots_.outputs); k < expression_.results.size(); ++k) {
      add_sum(k, place, take);
    }
    // Narrow outputs first: they take the place of no input that another output copies.
    for (const bool narrow : {true, false}) {
      for (int o = 0; o < slots_.outputs; ++o) {
        if ((outputs_[static_cast<std::size_t>(o)].size < 4) == narrow) copy_out(o, place, take);
      }
    }
    return std::move(result_);
  }

 private:
  // Which output a value is computed into directly, or -1.
  int direct_output(int value, const std::vector<bool>& held) const {
    const Value& v = expression_.values[static_cast<std::size_t>(value)];
    const bool made = v.kind == Value::Kind::computed || v.kind == Value::Kind::mask;
    if (!made || v.uniform) return -1;
    for (int o = 0; o < slots_.outputs; ++o) {
      const auto at = static_cast<std::size_t>(o);
      if (expression_.results[at] == value && outputs_[at].size == 4 && !held[at]) return o;
    }
    return -1;
  }

  void add_sum(std::size_t result, const auto& place, const auto& take) {
    const int value = expression_.results[result];
    int from = place(value);
    if (expression_.values[static_cast<std::size_t>(value)].uniform) {
      const int repeated = take();
      result_.steps.push_back({loop_of(Opcode::copy_w, 1), repeated, {from, 0, 0}});
      from = repeated;
    }
    const int number = static_cast<int>(result) - slots_.outputs;
    result_.steps.push_back({nullptr, 0, {from, 0, 0}, number});
  }

  // A result from where it is to its output, unless it was computed there.
  void copy_out(int o, const auto& place, const auto& take) {
    const auto at = static_cast<std::size_t>(o);
    const int value = expression_.results[at];
    int from = place(value);
    if (from == slots_.output(o)) return;
    const bool uniform = expression_.values[static_cast<std::size_t>(value)].uniform;
    if (outputs_[at].size == 4) {
      result_.steps.push_back(
          {loop_of(Opcode::copy_w, uniform ? 1 : 0), slots_.output(o), {from, 0, 0}});
      return;
    }
    if (uniform) {
      const int repeated = take();
      result_.steps.push_back({loop_of(Opcode::copy_w, 1), repeated, {from, 0, 0}});
      from = repeated;
    }
    const Opcode store = outputs_[at].size == 1 ? Opcode::store_u8 : Opcode::store_bf;
    result_.steps.push_back({loop_of(store, 0), slots_.output(o), {from, 0, 0}});
  }

  simd::Loop loop_of(Opcode opcode, int uniform) const {
    return table_.loops[static_cast<int>(opcode)][uniform];
  }

  const simd::Table& table_;
  const Expression& expression_;
  const std::vector<Operand>& inputs_;
  const std::vector<Output>& outputs_;
  Slots slots_;
  BlockSchedule result_;
};

}  // namespace

std::vector<bool> held_back(const Expression& expression, const std::vector<Operand>& inputs,
                            const std::vector<Output>& outputs) {
  std::vector<bool> held(outputs.size(), false);
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i].address != outputs[o].address) continue;
      if (inputs[i].access != Access::dense || inputs[i].size != outputs[o].size) {
        throw std::invalid_argument(
            "elementwise: an output shares the memory of a broadcast input");
      }
      for (std::size_t v = 0; v < expression.values.size(); ++v) {
        const Value& value = expression.values[v];
        for (int k = 0; k < value.operands; ++k) {
          const bool later = static_cast<int>(v) > expression.results[o];
          if (value.operand[k] == static_cast<int>(i) && later) held[o] = true;
        }
      }
      for (const int result : expression.results) {  // copied out at the block's end
        if (result == static_cast<int>(i)) held[o] = true;
      }
    }
  }
  return held;
}

BlockSchedule schedule_block(const simd::Table& table, const Expression& expression,
                             const std::vector<Operand>& inputs, const std::vector<Output>& outputs,
                             const std::vector<bool>& held) {
  return Scheduler(table, expression, inputs, outputs).schedule(held);
}

}  // namespace sloy
