// matmul: y = activation(op(a) · op(b) + bias), op = transpose or not.
// a (M, K) or (K, M), b (K, N) or (N, K), bias (N,), y (M, N).
// batched_matmul: y = op(a) · op(b) of G such matrices, a (G, M, K) or, by its batch axis,
// (M, G, K) …, the others likewise.
#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "core/matmul_shape.h"
#include "kernels/pick_isa.h"
#include "kernels/product.h"
#include "kernels/product_form.h"
#include "kernels/simd/few_rows.h"
#include "onednn/matmul.h"

namespace sloy {
namespace {

// Of an operand or the result: how many matrices it has, their extents as they lie, and its steps.
struct Stack {
  std::int64_t count, lines, columns;
  Steps steps;
};

Stack stack_of(const Shape& shape, std::int64_t axis) {
  if (shape.size() == 2) return {1, shape[0], shape[1], {shape[1], 0}};
  if (axis == 0) return {shape[0], shape[1], shape[2], {shape[2], shape[1] * shape[2]}};
  return {shape[1], shape[0], shape[2], {shape[1] * shape[2], shape[2]}};
}

std::vector<std::int64_t> batch_axes_of(const Instruction& instruction) {
  if (instruction.op == "matmul") return {0, 0, 0};
  const auto& axes = get_ints(instruction, "batch_axes");
  const auto fits = [](std::int64_t axis) { return axis == 0 || axis == 1; };
  if (axes.size() != 3 || !std::all_of(axes.begin(), axes.end(), fits)) {
    throw std::invalid_argument("batched_matmul: `batch_axes` must be three numbers, 0 or 1.");
  }
  return axes;
}

MatmulShape shape_of(const Instruction& instruction) {
  const std::string& op = instruction.op;
  const bool transpose_a = flag(instruction, "transpose_a");
  const bool transpose_b = flag(instruction, "transpose_b");
  const bool bias = op == "matmul" && flag(instruction, "has_bias");
  if (instruction.inputs.size() != (bias ? 3U : 2U) || instruction.outputs.size() != 1) {
    throw std::invalid_argument(op + ": takes a, b and, with has_bias=1, bias; gives one output.");
  }
  const Shape* const shapes[] = {&instruction.inputs[0].shape, &instruction.inputs[1].shape,
                                 &instruction.outputs[0].shape};
  const std::size_t axes = op == "matmul" ? 2 : 3;
  for (const Shape* shape : shapes) {
    if (shape->size() == axes) continue;
    throw std::invalid_argument(op + ": a, b and the output must have " + std::to_string(axes) +
                                " axes each.");
  }
  const auto batch_axes = batch_axes_of(instruction);
  const Stack a = stack_of(*shapes[0], batch_axes[0]), b = stack_of(*shapes[1], batch_axes[1]);
  const Stack y = stack_of(*shapes[2], batch_axes[2]);
  const MatmulShape shape{y.lines,
                          y.columns,
                          transpose_a ? a.lines : a.columns,
                          transpose_a,
                          transpose_b,
                          bias,
                          activation_of(instruction),
                          factors_of(instruction).value_or(DType::float32),
                          instruction.outputs[0].dtype,
                          y.count,
                          a.steps,
                          b.steps,
                          y.steps};
  if ((transpose_a ? a.columns : a.lines) != shape.m || a.count != shape.count ||
      (transpose_b ? b.lines : b.columns) != shape.n || b.count != shape.count ||
      (transpose_b ? b.columns : b.lines) != shape.k ||
      (bias && instruction.inputs[2].elements() != shape.n)) {
    throw std::invalid_argument(op + ": the shapes of a, b, bias and the output do not fit.");
  }
  return shape;
}

// Few rows, a right operand that stays in the cache. Of a single row the zeros are skipped once the
// right operand is known to be finite. Scratch: the list of the others.
class ProductOfFewRows final : public Kernel {
 public:
  explicit ProductOfFewRows(const MatmulShape& shape)
      : shape_(shape),
        activation_(activation_from(shape.activation)),
        kernels_(SLOY_PICK_ISA(few_rows_kernels)()) {}

  std::size_t scratch_bytes() const override {
    return can_skip() ? static_cast<std::size_t>(shape_.k) * sizeof(std::int32_t) : 0;
  }
  bool any_threads() const override { return true; }
  void bind(const Addresses& addresses) override { addresses_ = addresses; }

  void run() override {
    auto* y = static_cast<float*>(addresses_.outputs[0]);
    const auto* a = static_cast<const float*>(addresses_.inputs[0]);
    const auto* b = static_cast<const float*>(addresses_.inputs[1]);
    const auto* bias = shape_.bias ? static_cast<const float*>(addresses_.inputs[2]) : nullptr;
    if (known_ != nullptr) {
      kernels_.multiply_sparse(y, a, b, bias, activation_, &known_->finite,
                               static_cast<std::int32_t*>(addresses_.scratch), shape_.n, shape_.k);
    } else {
      kernels_.multiply(y, a, b, bias, activation_, shape_.transpose_b, shape_.m, shape_.n,
                        shape_.k);
    }
  }

  const void* subject() const override { return can_skip() ? addresses_.inputs[1] : nullptr; }
  void share(Known* known) override { known_ = known; }

 private:
  bool can_skip() const { return shape_.m == 1 && !shape_.transpose_b; }

  MatmulShape shape_;
  Activation activation_;
  FewRowsKernels kernels_;
  Known* known_ = nullptr;
  Addresses addresses_;
};

// oneDNN spends 1 µs and more before it multiplies.
bool has_few_rows(const MatmulShape& s) {
  constexpr std::int64_t most_rows = 4, near_floats = 1 << 18;
  return s.m <= most_rows && (!s.transpose_a || s.m == 1) && s.n * s.k <= near_floats;
}

// Products of ours are done in blocks that free threads take over, oneDNN's in one part for each
// thread: where both are about as fast alone, ours finish earlier on cores that differ in speed.
bool ours_suits(const MatmulShape& s) {
  const std::string_view isa = simd::table().name;
  const std::int64_t work = s.m * s.n * s.k;
  if (work == 0 || isa == "baseline") return false;
  // oneDNN wakes the other threads for products that take less than that, and is slow at tanh and
  // sigmoid. 128 × 128 × 10 on one thread: 9.9 us, ours 8.0; 32 × 120 × 84 with tanh: 22.7 us,
  // ours 14.3.
  const bool plain = s.activation.empty() || s.activation == "relu";
  if (work <= (plain || s.transpose_b ? 200'000 : 2'000'000)) return true;
  // oneDNN reads a transposed left operand down its columns: rows a multiple of 4 KiB apart fall
  // into the same cache sets, and it runs at less than half of its speed (9216 × 128 × 128 on two
  // cores with AVX2: 4.1 ms, ours 1.9 ms; 9000 rows: 1.8 ms). The weight gradient of a dense layer
  // is such a product.
  constexpr std::int64_t floats_in_4_kib = 1024, widest = 1024;
  if (s.transpose_a && s.m % floats_in_4_kib == 0 && s.n <= widest) return true;
  // So it does with rows of the right operand: 128 × 512 × 512 on one thread with AVX2: 1.20 ms,
  // ours 0.82. Ours copies that operand, so a large one would cost memory.
  constexpr std::int64_t fewest_rows = 32, largest_packed = 1 << 19;
  if (isa == "avx2" && !s.transpose_a && !s.transpose_b && s.n % (floats_in_4_kib / 2) == 0 &&
      s.m >= fewest_rows && s.n * s.k <= largest_packed) {
    return true;
  }
  // Where the right operand stays in the second-level cache ours take, on one thread with AVX2,
  // 0.68 to 1.08 of oneDNN's time, 1.05 where the sums have 16 terms, 1.11 where they have 8. With
  // AVX-512, on two threads, a step of the MLP 784-128-10 takes 0.73 to 0.98 of its time, one of
  // 64-256-256-10 0.96 to 1.05, for batches of 16 to 256.
  constexpr std::int64_t shortest = 16, near_floats = 1 << 18;
  return s.k >= shortest && s.n * s.k <= near_floats;
}

// Of stacks: product and gradients of 128 samples of 4 groups, 128 to 128 features, on one thread
// with AVX2: oneDNN 0.72 ms, ours 0.65; of 40 groups, 16 to 3: 0.15 ms, ours 0.11. With AVX-512, on
// two threads, a fit of a table with four members took 0.8 of the time.
bool ours_suits_stack() { return simd::table().name != std::string_view("baseline"); }

std::unique_ptr<Kernel> make_matmul(const Instruction& instruction, const Options& options) {
  const MatmulShape shape = shape_of(instruction);
  if (!factors_of(instruction)) return nullptr;
  if (shape.factors == DType::bfloat16) {
    return has_few_rows(shape) ? nullptr : onednn::make_matmul(shape, options);
  }
  if (has_few_rows(shape)) return std::make_unique<ProductOfFewRows>(shape);
  if (ours_suits(shape)) return make_product(shape, options);
  return onednn::make_matmul(shape, options);
}

std::unique_ptr<Kernel> make_batched(const Instruction& instruction, const Options& options) {
  const MatmulShape shape = shape_of(instruction);
  if (shape.count == 1 && has_few_rows(shape)) return std::make_unique<ProductOfFewRows>(shape);
  if (ours_suits_stack()) return make_product(shape, options);
  return onednn::make_matmul(shape, options);
}

// A piece reads its other operand, or writes its result, once more: 32 samples of the MLP
// 784-128-10 take 1.76 times as long in 8 and 4 pieces as in one.
constexpr std::int64_t fewest_samples = 16;

// With the samples as rows of a and of the result.
Cut cut_rows(const Instruction& instruction) {
  Cut cut{std::vector<bool>(instruction.inputs.size(), false), false, fewest_samples};
  cut.inputs[0] = true;
  return cut;
}

// With the samples as the lines over which a product is summed.
Cut cut_sums(const Instruction& instruction) {
  const bool plain = !flag(instruction, "has_bias") && !has(instruction, "activation");
  const bool sums_whole = instruction.outputs[0].dtype == DType::float32;
  if (flag(instruction, "transpose_b") || !plain || !sums_whole) return {};
  return {{true, true}, true, fewest_samples};
}

Cut cut_of_matmul(const Instruction& instruction) {
  return flag(instruction, "transpose_a") ? cut_sums(instruction) : cut_rows(instruction);
}

Cut cut_of_batched(const Instruction& instruction) {
  const auto axes = batch_axes_of(instruction);
  const bool transpose_a = flag(instruction, "transpose_a");
  const bool whole_matrices = axes[0] == 0 && axes[1] == 0 && axes[2] == 0;
  if (whole_matrices) return {{true, true}, false, 1};
  if (axes[0] == 1 && axes[2] == 1 && !transpose_a) return cut_rows(instruction);
  if (axes[0] == 1 && axes[1] == 1 && transpose_a) return cut_sums(instruction);
  return {};
}

}  // namespace

void register_matmul_kernels(Registry& registry) {
  registry["matmul"] = {make_matmul, true, cut_of_matmul};
  registry["batched_matmul"] = {make_batched, false, cut_of_batched};
}

}  // namespace sloy
