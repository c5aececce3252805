// matmul: y = activation(op(a) · op(b) + bias), op = transpose or not.
// a (M, K) or (K, M), b (K, N) or (N, K), bias (N,), y (M, N).
#include <stdexcept>
#include <string_view>

#include "core/parallel.h"
#include "kernels/pick_isa.h"
#include "kernels/simd/product.h"
#include "kernels/simd/thin.h"
#include "onednn/primitives.h"

namespace sloy {
namespace {

struct MatmulShape {
  std::int64_t m, n, k;
  bool transpose_a, transpose_b, bias;
  std::string activation;
};

bool flag(const Instruction& instruction, std::string_view name) {
  return has(instruction, name) && get_int(instruction, name) != 0;
}

MatmulShape shape_of(const Instruction& instruction) {
  const bool transpose_a = flag(instruction, "transpose_a");
  const bool transpose_b = flag(instruction, "transpose_b");
  const bool bias = flag(instruction, "has_bias");
  if (instruction.inputs.size() != (bias ? 3U : 2U) || instruction.outputs.size() != 1) {
    throw std::invalid_argument("matmul: takes a, b and, with has_bias=1, bias; gives one output.");
  }
  const Shape& a = instruction.inputs[0].shape;
  const Shape& b = instruction.inputs[1].shape;
  const Shape& y = instruction.outputs[0].shape;
  if (a.size() != 2 || b.size() != 2 || y.size() != 2) {
    throw std::invalid_argument("matmul: a, b and the output must have two axes each.");
  }
  const MatmulShape shape{y[0],
                          y[1],
                          a[transpose_a ? 0 : 1],
                          transpose_a,
                          transpose_b,
                          bias,
                          onednn::activation_of(instruction)};
  if (a[transpose_a ? 1 : 0] != shape.m || b[transpose_b ? 0 : 1] != shape.n ||
      b[transpose_b ? 1 : 0] != shape.k || (bias && instruction.inputs[2].elements() != shape.n)) {
    throw std::invalid_argument("matmul: the shapes of a, b, bias and the output do not fit.");
  }
  return shape;
}

class Matmul final : public onednn::PrimitiveKernel {
 public:
  explicit Matmul(const MatmulShape& shape) {
    using Desc = dnnl::memory::desc;
    const auto tag = [](bool transpose) {
      return transpose ? dnnl::memory::format_tag::ba : dnnl::memory::format_tag::ab;
    };
    const Desc a({shape.m, shape.k}, dnnl::memory::data_type::f32, tag(shape.transpose_a));
    const Desc b({shape.k, shape.n}, dnnl::memory::data_type::f32, tag(shape.transpose_b));
    const Desc y = onednn::dense({shape.m, shape.n});
    const Desc bias = shape.bias ? onednn::dense({1, shape.n}) : Desc();
    const dnnl::matmul::primitive_desc description(onednn::cpu_engine(), a, b, bias, y,
                                                   onednn::attributes_for(shape.activation));
    std::vector<onednn::Argument> arguments = {{DNNL_ARG_SRC, a, onednn::input(0)},
                                               {DNNL_ARG_WEIGHTS, b, onednn::input(1)},
                                               {DNNL_ARG_DST, y, onednn::output(0)}};
    if (shape.bias) arguments.push_back({DNNL_ARG_BIAS, bias, onednn::input(2)});
    for (const auto& extra : onednn::epilogue_arguments(shape.activation, 2)) {
      arguments.push_back(extra);
    }
    add(dnnl::matmul(description), arguments, description.scratchpad_desc());
  }
};

// Our own product; scratch: each thread's working memory.
class Product final : public Kernel {
 public:
  Product(const MatmulShape& s, const Options& options)
      : shape_{s.m, s.n, s.k, s.transpose_a, s.transpose_b},
        bias_(s.bias),
        activation_(activation_from(s.activation)),
        threads_(options.threads),
        kernels_(SLOY_PICK_ISA(product_kernels)()) {}

  std::size_t scratch_bytes() const override {
    return static_cast<std::size_t>(threads_ * work_floats()) * sizeof(float);
  }
  void bind(const Addresses& addresses) override { addresses_ = addresses; }

  void run() override {
    const auto* a = static_cast<const float*>(addresses_.inputs[0]);
    const auto* b = static_cast<const float*>(addresses_.inputs[1]);
    const auto* bias = bias_ ? static_cast<const float*>(addresses_.inputs[2]) : nullptr;
    auto* y = static_cast<float*>(addresses_.outputs[0]);
    auto* work = static_cast<float*>(addresses_.scratch);
    const std::int64_t serial_below = 500'000 / (shape_.n * shape_.k) + 1;  // multiply-adds
    parallel_for(threads_, shape_.m, serial_below, 6, [&](int thread, Range rows) {
      kernels_.multiply(y, a, b, bias, activation_, work + thread * work_floats(), shape_,
                        rows.begin, rows.end);
    });
  }

 private:
  std::int64_t work_floats() const { return (kernels_.work_floats(shape_) + 15) / 16 * 16; }

  ProductShape shape_;
  bool bias_;
  Activation activation_;
  int threads_;
  ProductKernels kernels_;
  Addresses addresses_;
};

// Few rows, a right operand that stays in the cache.
class ThinProduct final : public Kernel {
 public:
  explicit ThinProduct(const MatmulShape& shape)
      : shape_(shape),
        activation_(activation_from(shape.activation)),
        kernels_(SLOY_PICK_ISA(thin_kernels)()) {}

  void bind(const Addresses& addresses) override { addresses_ = addresses; }

  void run() override {
    const auto* bias = shape_.bias ? static_cast<const float*>(addresses_.inputs[2]) : nullptr;
    kernels_.multiply(static_cast<float*>(addresses_.outputs[0]),
                      static_cast<const float*>(addresses_.inputs[0]),
                      static_cast<const float*>(addresses_.inputs[1]), bias, activation_,
                      shape_.transpose_b, shape_.m, shape_.n, shape_.k);
  }

 private:
  MatmulShape shape_;
  Activation activation_;
  ThinKernels kernels_;
  Addresses addresses_;
};

// oneDNN spends 1 µs and more before it multiplies.
bool is_thin(const MatmulShape& s) {
  constexpr std::int64_t most_rows = 4, near_floats = 1 << 18;
  return s.m <= most_rows && (!s.transpose_a || s.m == 1) && s.n * s.k <= near_floats;
}

// oneDNN wakes the other threads for products that take less than that, and is slow at tanh and
// sigmoid.
bool is_small(const MatmulShape& s) {
  // 128 × 128 × 10 on one thread: 9.9 us, ours 8.0; 32 × 120 × 84 with tanh: 22.7 us, ours 14.3
  const bool plain = s.activation.empty() || s.activation == "relu";
  const std::int64_t multiply_adds = plain || s.transpose_b ? 200'000 : 2'000'000;
  const std::int64_t work = s.m * s.n * s.k;
  return work > 0 && work <= multiply_adds && std::string_view(simd::table().name) != "baseline";
}

// oneDNN reads a transposed left operand down its columns: rows a multiple of 4 KiB apart fall into
// the same cache sets, and it runs at less than half of its speed (9216 × 128 × 128 on two cores
// with AVX2: 4.1 ms, ours 1.9 ms; 9000 rows: 1.8 ms). The weight gradient of a dense layer is such
// a product.
bool onednn_is_slow(const MatmulShape& s) {
  constexpr std::int64_t floats_in_4_kib = 1024, widest = 1024;
  return s.transpose_a && s.m % floats_in_4_kib == 0 && s.n <= widest &&
         std::string_view(simd::table().name) != "baseline";
}

std::unique_ptr<Kernel> make_matmul(const Instruction& instruction, const Options& options) {
  const MatmulShape shape = shape_of(instruction);
  if (is_thin(shape)) return std::make_unique<ThinProduct>(shape);
  if (is_small(shape) || onednn_is_slow(shape)) return std::make_unique<Product>(shape, options);
  return std::make_unique<Matmul>(shape);
}

}  // namespace

void register_onednn_matmul_kernels(Registry& registry) { registry["matmul"] = make_matmul; }

}  // namespace sloy
