#include "kernels/expression.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>

namespace sloy {
namespace {

using simd::Opcode;

// Which opcode an op is for each kind of register. uint8 lives in uint32 registers.
struct Lowering {
  int operands;
  Opcode of_float, of_int, of_uint;
  bool integers;         // defined for integers
  bool swapped = false;  // operands exchanged: a > b is b < a
  bool wraps = false;    // a uint8 result needs its upper bits cleared
};

const std::map<std::string, Lowering, std::less<>>& lowerings() {
  using enum Opcode;
  static const std::map<std::string, Lowering, std::less<>> table = {
#define X(op, operands, cost, form) {#op, {operands, op##_f, op##_f, op##_f, false}},
      SLOY_FUNCTIONS(X)
#undef X
          {"neg", {1, neg_f, neg_i, neg_i, true, false, true}},
      {"abs", {1, abs_f, abs_i, copy_w, true}},
      {"sign", {1, sign_f, sign_i, sign_u, true}},
      {"add", {2, add_f, add_w, add_w, true, false, true}},
      {"sub", {2, sub_f, sub_w, sub_w, true, false, true}},
      {"mul", {2, mul_f, mul_w, mul_w, true, false, true}},
      {"maximum", {2, maximum_f, maximum_i, maximum_u, true}},
      {"minimum", {2, minimum_f, minimum_i, minimum_u, true}},
      {"equal", {2, equal_f, equal_w, equal_w, true}},
      {"not_equal", {2, not_equal_f, not_equal_w, not_equal_w, true}},
      {"less", {2, less_f, less_i, less_u, true}},
      {"less_equal", {2, less_equal_f, less_equal_i, less_equal_u, true}},
      {"greater", {2, less_f, less_i, less_u, true, true}},
      {"greater_equal", {2, less_equal_f, less_equal_i, less_equal_u, true, true}},
      {"where", {3, where_f, where_w, where_w, true}},
  };
  return table;
}

std::uint32_t word_of(DType dtype, const std::string& number) {
  if (dtype == DType::float32) {
    const float value = static_cast<float>(std::strtod(number.c_str(), nullptr));
    std::uint32_t word;
    std::memcpy(&word, &value, sizeof word);
    return word;
  }
  return static_cast<std::uint32_t>(std::strtoll(number.c_str(), nullptr, 10));
}

// A value of the text: a bfloat16 one is held as a float32.
struct Named {
  int value;
  DType dtype;
};

class Builder {
 public:
  Builder(const Instruction& instruction, const std::vector<bool>& uniform)
      : inputs_(instruction.inputs) {
    for (std::size_t i = 0; i < instruction.inputs.size(); ++i) {
      Value value;
      value.kind = Value::Kind::input;
      const DType dtype = instruction.inputs[i].dtype;
      value.dtype = dtype == DType::bfloat16 ? DType::float32 : dtype;
      value.uniform = uniform[i];
      named_.push_back({push(value), dtype});
    }
  }

  void statement(const std::string& text) {
    std::istringstream words(text);
    std::string op, dtype;
    words >> op;
    if (op == "constant") {
      std::string number;
      words >> dtype >> number;
      Value value;
      value.kind = Value::Kind::constant;
      value.dtype = dtype_named(dtype);
      if (value.dtype == DType::bfloat16) {
        throw std::invalid_argument("elementwise: a constant cannot be bfloat16");
      }
      value.uniform = true;
      value.word = word_of(value.dtype, number);
      add(push(value));
    } else if (op == "cast") {
      int operand = -1;
      words >> dtype >> operand;
      const DType to = dtype_named(dtype);
      if (to == DType::bfloat16 || named(operand).dtype == DType::bfloat16) {
        cast_bfloat16(named(operand), to);
      } else {
        add(cast(named(operand).value, to));
      }
    } else if (op == "dropout_mask") {
      double keep = -1.0;
      std::int64_t stream = -1;
      int key = -1, step = -1;
      words >> keep >> stream >> key >> step;
      add(mask(keep, stream, key, step));
    } else {
      int operand[3] = {-1, -1, -1};
      int count = 0;
      while (count < 3 && words >> operand[count]) ++count;
      add(apply(op, operand, count));
    }
  }

  const Named& named(std::int64_t name) const {
    if (name < 0 || name >= static_cast<std::int64_t>(named_.size())) {
      throw std::invalid_argument("elementwise: no value " + std::to_string(name));
    }
    return named_[static_cast<std::size_t>(name)];
  }

  std::vector<Value> take() { return std::move(values_); }
  const Value& value(int index) const { return values_[static_cast<std::size_t>(index)]; }

 private:
  void add(int index) { named_.push_back({index, value(index).dtype}); }

  int push(const Value& value) {
    values_.push_back(value);
    return static_cast<int>(values_.size()) - 1;
  }

  int compute(Opcode opcode, DType dtype, std::initializer_list<int> operands) {
    Value result;
    result.opcode = opcode;
    result.dtype = dtype;
    result.uniform = true;
    for (const int operand : operands) {
      result.uniform = result.uniform && value(operand).uniform;
      result.operand[result.operands++] = operand;
    }
    return push(result);
  }

  int mask(double keep, std::int64_t stream, int key, int step) {
    if (!(keep >= 0.0 && keep <= 1.0)) {
      throw std::invalid_argument("dropout_mask: `keep` (=" + std::to_string(keep) +
                                  ") must be between 0 and 1.");
    }
    if (stream < 0 || stream > 0xffffffffLL) {
      throw std::invalid_argument("dropout_mask: `stream` (=" + std::to_string(stream) +
                                  ") must fit 32 bits.");
    }
    if (!is_input(key, 2) || !is_input(step, 1)) {
      throw std::invalid_argument("dropout_mask: takes a key of two words and a step.");
    }
    Value result;
    result.kind = Value::Kind::mask;
    // The draw is of 23 bits.
    result.word = static_cast<std::uint32_t>(std::ceil(std::ldexp(static_cast<float>(keep), 23)));
    result.stream = static_cast<std::uint32_t>(stream);
    result.operands = 2;
    result.operand[0] = key;
    result.operand[1] = step;
    return push(result);
  }

  bool is_input(int name, std::int64_t words) const {
    return name >= 0 && name < static_cast<int>(inputs_.size()) &&
           inputs_[static_cast<std::size_t>(name)].dtype == DType::uint32 &&
           inputs_[static_cast<std::size_t>(name)].elements() == words;
  }

  void cast_bfloat16(Named operand, DType to) {
    if (operand.dtype == to) {
      named_.push_back(operand);
    } else if (to == DType::float32) {
      named_.push_back({operand.value, to});
    } else if (operand.dtype == DType::float32) {
      named_.push_back({compute(Opcode::round_bf, DType::float32, {operand.value}), to});
    } else {
      throw std::invalid_argument("elementwise: bfloat16 is only cast from and to float32");
    }
  }

  int cast(int operand, DType to) {
    using enum Opcode;
    const DType from = value(operand).dtype;
    if (from == to) return operand;
    if (to == DType::float32) {
      return compute(from == DType::uint32 ? u_to_f : i_to_f, to, {operand});
    }
    int result = operand;
    if (from == DType::float32) {
      result = compute(to == DType::uint32 ? f_to_u : f_to_i, to, {operand});
    }
    if (to == DType::uint8) return compute(wrap_u8, to, {result});
    return result == operand ? compute(copy_w, to, {operand}) : result;
  }

  int apply(const std::string& op, const int* operand, int count) {
    const auto found = lowerings().find(op);
    if (found == lowerings().end() || found->second.operands != count) {
      throw std::invalid_argument("elementwise: no op `" + op + "` of " + std::to_string(count) +
                                  " operands");
    }
    const Lowering& lowering = found->second;
    int v[3] = {-1, -1, -1};
    for (int k = 0; k < count; ++k) {
      if (named(operand[k]).dtype == DType::bfloat16) {
        throw std::invalid_argument(op + ": a bfloat16 operand must be cast to float32 first");
      }
      v[k] = named(operand[k]).value;
    }
    if (lowering.swapped) std::swap(v[0], v[1]);
    const DType dtype = value(v[0]).dtype;
    for (int k = 1; k < count; ++k) {
      if (value(v[k]).dtype != dtype)
        throw std::invalid_argument(op + ": operands differ in dtype");
    }
    if (dtype != DType::float32 && !lowering.integers) {
      throw std::invalid_argument(op + ": operands must be float32");
    }
    const Opcode opcode = dtype == DType::float32 ? lowering.of_float
                          : dtype == DType::int32 ? lowering.of_int
                                                  : lowering.of_uint;
    const int result = count == 1   ? compute(opcode, dtype, {v[0]})
                       : count == 2 ? compute(opcode, dtype, {v[0], v[1]})
                                    : compute(opcode, dtype, {v[0], v[1], v[2]});
    const bool wrap = lowering.wraps && dtype == DType::uint8;
    return wrap ? compute(Opcode::wrap_u8, dtype, {result}) : result;
  }

  const std::vector<TensorSpec>& inputs_;
  std::vector<Value> values_;
  std::vector<Named> named_;
};

// x y + z, x y - z and z - x y in one pass where the product has no other user.
void fuse_products(std::vector<Value>& values, const std::vector<int>& results) {
  std::vector<int> uses(values.size(), 0);
  for (const Value& value : values) {
    for (int k = 0; k < value.operands; ++k) ++uses[static_cast<std::size_t>(value.operand[k])];
  }
  for (const int result : results) ++uses[static_cast<std::size_t>(result)];
  for (Value& value : values) {
    if (value.opcode != Opcode::add_f && value.opcode != Opcode::sub_f) continue;
    if (value.kind != Value::Kind::computed || value.uniform) continue;
    for (int k = 0; k < 2; ++k) {
      const auto index = static_cast<std::size_t>(value.operand[k]);
      const Value& product = values[index];
      if (product.kind != Value::Kind::computed || product.opcode != Opcode::mul_f ||
          product.uniform || uses[index] != 1) {
        continue;
      }
      const int other = value.operand[1 - k];
      value.opcode = value.opcode == Opcode::add_f ? Opcode::multiply_add_f
                     : k == 0                      ? Opcode::multiply_subtract_f
                                                   : Opcode::subtract_product_f;
      value.operands = 3;
      value.operand[0] = product.operand[0];
      value.operand[1] = product.operand[1];
      value.operand[2] = other;
      break;
    }
  }
}

// Values that no result needs are dropped; inputs keep their places.
Expression without_dead(const std::vector<Value>& values, const std::vector<int>& results,
                        std::size_t inputs) {
  std::vector<bool> needed(values.size(), false);
  for (const int result : results) needed[static_cast<std::size_t>(result)] = true;
  for (std::size_t i = values.size(); i-- > 0;) {
    for (int k = 0; needed[i] && k < values[i].operands; ++k) {
      needed[static_cast<std::size_t>(values[i].operand[k])] = true;
    }
  }
  Expression kept;
  std::vector<int> place(values.size(), -1);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i >= inputs && !needed[i]) continue;
    place[i] = static_cast<int>(kept.values.size());
    Value value = values[i];
    for (int k = 0; k < value.operands; ++k) {
      value.operand[k] = place[static_cast<std::size_t>(value.operand[k])];
    }
    kept.values.push_back(value);
  }
  for (const int result : results) kept.results.push_back(place[static_cast<std::size_t>(result)]);
  return kept;
}

}  // namespace

Expression parse_expression(const Instruction& instruction, const std::vector<bool>& uniform) {
  Builder builder(instruction, uniform);
  std::istringstream statements(get_string(instruction, "program"));
  for (std::string text; std::getline(statements, text, ';');) {
    if (text.find_first_not_of(' ') != std::string::npos) builder.statement(text);
  }
  const auto& names = get_ints(instruction, "results");
  if (names.size() != instruction.outputs.size()) {
    throw std::invalid_argument("elementwise: one result per output is needed");
  }
  std::vector<int> results;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Named& result = builder.named(names[i]);
    if (result.dtype != instruction.outputs[i].dtype) {
      throw std::invalid_argument("elementwise: a result and its output differ in dtype");
    }
    const Value& value = builder.value(result.value);
    // A store to bfloat16 rounds, so that rounding needs no pass of its own.
    const bool rounds = result.dtype == DType::bfloat16 && value.kind == Value::Kind::computed &&
                        value.opcode == Opcode::round_bf;
    results.push_back(rounds ? value.operand[0] : result.value);
  }
  std::vector<Value> values = builder.take();
  fuse_products(values, results);
  return without_dead(values, results, instruction.inputs.size());
}

int cost_of(const Expression& expression) {
#define X(op, operands, cost, form) cost,
  constexpr int functions[] = {SLOY_FUNCTIONS(X)};  // the first opcodes, in their order
#undef X
  int cost = 0;
  for (const Value& value : expression.values) {
    if (value.uniform || value.kind == Value::Kind::constant) continue;
    const auto opcode = static_cast<std::size_t>(value.opcode);
    const bool function = value.kind == Value::Kind::computed && opcode < std::size(functions);
    cost += value.kind == Value::Kind::mask ? 20 : function ? functions[opcode] : 1;
  }
  return cost;
}

}  // namespace sloy
