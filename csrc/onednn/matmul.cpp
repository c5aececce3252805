// matmul: y = activation(op(a) · op(b) + bias), op = transpose or not.
// a (M, K) or (K, M), b (K, N) or (N, K), bias (N,), y (M, N).
#include <stdexcept>

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
  const MatmulShape shape{y[0], y[1], a[transpose_a ? 0 : 1], transpose_a,
                          transpose_b, bias, onednn::activation_of(instruction)};
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
    add(dnnl::matmul(description), arguments, description.scratchpad_desc());
  }
};

std::unique_ptr<Kernel> make_matmul(const Instruction& instruction, const Options&) {
  return std::make_unique<Matmul>(shape_of(instruction));
}

}  // namespace

void register_onednn_matmul_kernels(Registry& registry) { registry["matmul"] = make_matmul; }

}  // namespace sloy
