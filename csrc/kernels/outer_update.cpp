#include "kernels/outer_update.h"

#include <algorithm>
#include <atomic>
#include <optional>

#include "core/parallel.h"
#include "kernels/pick_isa.h"
#include "kernels/simd/few_rows.h"

namespace sloy {
namespace {

using simd::Opcode;
using Strides = std::vector<std::int64_t>;

// Which input is which.
struct Operands {
  std::size_t w, x, d, rate;
};

class OuterUpdate final : public Kernel {
 public:
  OuterUpdate(const Operands& operands, std::int64_t rows, std::int64_t columns,
              const Options& options)
      : operands_(operands),
        rows_(rows),
        columns_(columns),
        threads_(options.threads),
        kernels_(SLOY_PICK_ISA(few_rows_kernels)()) {}

  void bind(const Addresses& addresses) override { addresses_ = addresses; }

  std::size_t scratch_bytes() const override {
    return static_cast<std::size_t>(rows_) * sizeof(std::int32_t);
  }

  void run() override {
    constexpr std::int64_t worth_a_barrier = 1 << 20;  // elements
    auto* w = static_cast<float*>(addresses_.outputs[0]);
    auto* rows = static_cast<std::int32_t*>(addresses_.scratch);
    std::atomic<bool> finite = true;
    parallel_for(threads_, rows_, worth_a_barrier / columns_ + 1, 1, [&](int, Range range) {
      const std::int64_t first = range.begin * columns_;
      if (!kernels_.subtract_outer(w + first, input(operands_.w) + first,
                                   input(operands_.x) + range.begin, input(operands_.d),
                                   *input(operands_.rate), rows + range.begin, columns_,
                                   range.end - range.begin)) {
        finite = false;
      }
    });
    if (known_ != nullptr && !finite) known_->finite = false;
  }

  // Updated in place, what was finite stays so where finite values are written.
  const void* subject() const override {
    const void* w = addresses_.inputs[operands_.w];
    return w == addresses_.outputs[0] ? w : nullptr;
  }
  void share(Known* known) override { known_ = known; }

 private:
  const float* input(std::size_t i) const {
    return static_cast<const float*>(addresses_.inputs[i]);
  }

  Operands operands_;
  std::int64_t rows_, columns_;
  int threads_;
  FewRowsKernels kernels_;
  Addresses addresses_;
  Known* known_ = nullptr;
};

bool is_product(const Value& value) {
  return value.kind == Value::Kind::computed && value.opcode == Opcode::mul_f;
}

// The input, of those whose strides are `strides`, among a value's first two operands.
std::optional<std::size_t> operand_with(const Value& value, const std::vector<Strides>& all,
                                        const Strides& strides) {
  for (int k = 0; k < 2; ++k) {
    const auto at = static_cast<std::size_t>(value.operand[k]);
    if (at < all.size() && all[at] == strides) return at;
  }
  return std::nullopt;
}

std::optional<Operands> match(const Expression& expression, const std::vector<Strides>& strides,
                              std::int64_t columns) {
  if (expression.results.size() != 1 || strides.size() != 4) return std::nullopt;
  const auto& values = expression.values;
  const Value& result = values[static_cast<std::size_t>(expression.results[0])];
  if (result.kind != Value::Kind::computed || result.opcode != Opcode::subtract_product_f) {
    return std::nullopt;
  }
  const auto w = static_cast<std::size_t>(result.operand[2]);
  const auto rate = operand_with(result, strides, {0, 0});
  if (!rate || w >= strides.size() || strides[w] != Strides{columns, 1}) return std::nullopt;
  const bool first = static_cast<std::size_t>(result.operand[0]) == *rate;
  const Value& outer = values[static_cast<std::size_t>(result.operand[first ? 1 : 0])];
  if (!is_product(outer)) return std::nullopt;
  const auto x = operand_with(outer, strides, {1, 0}), d = operand_with(outer, strides, {0, 1});
  if (!x || !d) return std::nullopt;
  return Operands{w, *x, *d, *rate};
}

}  // namespace

std::unique_ptr<Kernel> make_outer_update(const Instruction& instruction, const Options& options) {
  const auto& shape = get_ints(instruction, "shape");
  const auto& flat = get_ints(instruction, "strides");
  if (shape.size() != 2 || shape[0] < 2 || shape[1] < 2 ||
      flat.size() != 2 * instruction.inputs.size()) {
    return nullptr;
  }
  for (const TensorSpec& input : instruction.inputs) {
    if (input.dtype != DType::float32) return nullptr;
  }
  if (instruction.outputs.size() != 1 || instruction.outputs[0].dtype != DType::float32) {
    return nullptr;
  }
  std::vector<Strides> strides;
  std::vector<bool> uniform;
  for (std::size_t i = 0; i < flat.size(); i += 2) {
    strides.push_back({flat[i], flat[i + 1]});
    uniform.push_back(flat[i] == 0 && flat[i + 1] == 0);
  }
  const auto operands = match(parse_expression(instruction, uniform), strides, shape[1]);
  if (!operands) return nullptr;
  return std::make_unique<OuterUpdate>(*operands, shape[0], shape[1], options);
}

}  // namespace sloy
