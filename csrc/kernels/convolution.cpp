// conv2d (cross-correlation), its two gradients, and the forms with a max-pooling behind it.
// x, dx (N, H, W, C) · w, dw (KH, KW, C/groups, O) · bias, db (O,) · y, g (N, OH, OW, O), all
// dense. Pooled: maxima, their places (uint8) and g (N, OH/2, OW/2, O).
// Here an instruction is read into a shape, for which the implementations are asked in order.
#include <algorithm>
#include <array>
#include <stdexcept>

#include "core/convolution_shape.h"
#include "core/registry.h"
#include "kernels/depthwise.h"
#include "kernels/direct.h"
#include "kernels/product.h"
#include "kernels/product_form.h"
#include "kernels/strided.h"
#include "kernels/winograd.h"
#include "onednn/convolution.h"

namespace sloy {
namespace {

[[noreturn]] void reject(const Instruction& instruction, const std::string& why) {
  throw std::invalid_argument(instruction.op + ": " + why);
}

void check_operands(const Instruction& instruction, std::size_t inputs, std::size_t outputs) {
  if (instruction.inputs.size() != inputs || instruction.outputs.size() != outputs) {
    reject(instruction, "wrong number of inputs or outputs.");
  }
}

void check_bias(const Instruction& instruction, const TensorSpec& bias, std::int64_t outputs) {
  if (bias.dtype != DType::float32 || bias.elements() != outputs) {
    reject(instruction, "the bias must be float32, one number for each output channel.");
  }
}

void check_residual(const Instruction& instruction, const TensorSpec& residual, const Shape& y) {
  if (residual.dtype != DType::float32 || residual.shape != y) {
    reject(instruction, "the residual must be float32, of the shape of y.");
  }
}

void check_gate(const Instruction& instruction, const TensorSpec& gate, const TensorSpec& dx) {
  if (gate.dtype != DType::float32 || gate.shape != dx.shape) {
    reject(instruction, "the gate must be float32, of the shape of dx.");
  }
}

void check_places(const Instruction& instruction, const TensorSpec& places, const Shape& maxima) {
  if (places.dtype != DType::uint8 || places.shape != maxima) {
    reject(instruction, "the places must be uint8, one for each maximum.");
  }
}

FusedForm form_of(const Instruction& instruction, bool pooled) {
  FusedForm form;
  form.bias = flag(instruction, "has_bias");
  form.scale = flag(instruction, "has_scale");
  form.residual = flag(instruction, "has_residual");
  form.activation = activation_of(instruction);
  form.gated = has(instruction, "gated");
  form.averaged = has(instruction, "averaged");
  form.pooled = pooled;
  return form;
}

// Operand order differs per op: `x`, `w`, `y` are where the three live in this instruction.
ConvolutionShape shape_of(const Instruction& instruction, const FusedForm& form, const Shape& x,
                          const Shape& w, const Shape& y) {
  if (x.size() != 4 || w.size() != 4 || y.size() != 4) {
    reject(instruction, "images and weights must have four axes.");
  }
  ConvolutionShape s;
  s.form = form;
  s.factors = factors_of(instruction).value_or(DType::float32);
  s.result = instruction.outputs[0].dtype;
  s.n = x[0], s.h = x[1], s.w = x[2], s.c = x[3];
  s.kh = w[0], s.kw = w[1];
  s.oh = y[1], s.ow = y[2], s.o = y[3];
  s.groups = has(instruction, "groups") ? get_int(instruction, "groups") : 1;
  const auto& stride = get_ints(instruction, "stride");
  const auto& dilation = get_ints(instruction, "dilation");
  const auto& padding = get_ints(instruction, "padding");
  if (stride.size() != 2 || dilation.size() != 2 || padding.size() != 4) {
    reject(instruction, "`stride` and `dilation` take two numbers, `padding` four.");
  }
  if (std::min({stride[0], stride[1], dilation[0], dilation[1]}) < 1) {
    reject(instruction, "`stride` and `dilation` must be at least 1.");
  }
  s.stride = {stride[0], stride[1]};
  s.dilation = {dilation[0], dilation[1]};
  s.padding = {padding[0], padding[1], padding[2], padding[3]};
  const auto extent = [&](std::int64_t size, std::int64_t pad, std::int64_t kernel, int axis) {
    const auto a = static_cast<std::size_t>(axis);
    return (size + pad - (kernel - 1) * s.dilation[a] - 1) / s.stride[a] + 1;
  };
  if (s.groups < 1 || s.c % s.groups != 0 || s.o % s.groups != 0 || w[2] != s.c / s.groups ||
      w[3] != s.o || y[0] != s.n) {
    reject(instruction, "the channels of x, w and y do not fit `groups`.");
  }
  if (s.oh != extent(s.h, s.padding[0] + s.padding[1], s.kh, 0) ||
      s.ow != extent(s.w, s.padding[2] + s.padding[3], s.kw, 1)) {
    reject(instruction, "the output's height and width do not fit.");
  }
  return s;
}

// Of the convolution before a pooling, from that of the maxima.
Shape before_pooling(Shape shape) {
  if (shape.size() != 4) return shape;
  shape[1] *= 2, shape[2] *= 2;
  return shape;
}

// x, w, and what of bias, scale and residual there is; y, or maxima and, for training, their
// places.
ConvolutionShape read_forward(const Instruction& instruction, const FusedForm& form) {
  const auto& [op, inputs, outputs, attributes] = instruction;
  const bool with_places = form.pooled && outputs.size() == 2;
  const std::size_t vectors = (form.bias ? 1U : 0U) + (form.scale ? 1U : 0U);
  check_operands(instruction, 2U + vectors + (form.residual ? 1U : 0U), with_places ? 2 : 1);
  const Shape& y = outputs[0].shape;
  const auto shape = shape_of(instruction, form, inputs[0].shape, inputs[1].shape,
                              form.pooled ? before_pooling(y) : y);
  for (std::size_t k = 0; k < vectors; ++k) check_bias(instruction, inputs[2 + k], shape.o);
  if (form.residual) check_residual(instruction, inputs.back(), y);
  if (form.pooled && (form.scale || form.residual || form.activation == "relu6")) {
    reject(instruction, "a pooled form takes no scale, residual or relu6.");
  }
  if (with_places) check_places(instruction, outputs[1], y);
  return shape;
}

// g, w, the places and the gate where there are such; dx.
ConvolutionShape read_input_grad(const Instruction& instruction, const FusedForm& form) {
  const auto& [op, inputs, outputs, attributes] = instruction;
  check_operands(instruction, 2U + (form.pooled ? 1U : 0U) + (form.gated ? 1U : 0U), 1);
  const Shape& g = inputs[0].shape;
  if (form.pooled) check_places(instruction, inputs[2], g);
  if (form.gated) check_gate(instruction, inputs.back(), outputs[0]);
  return shape_of(instruction, form, outputs[0].shape, inputs[1].shape,
                  form.pooled ? before_pooling(g) : g);
}

// x, g, the places or, of a gradient of averages, y; dw, and db if there is a bias.
ConvolutionShape read_weight_grad(const Instruction& instruction, const FusedForm& form) {
  const auto& [op, inputs, outputs, attributes] = instruction;
  check_operands(instruction, form.pooled || form.averaged ? 3 : 2, form.bias ? 2 : 1);
  const Shape& g = inputs[1].shape;
  if (form.pooled) check_places(instruction, inputs[2], g);
  const Shape& y = form.averaged ? inputs[2].shape : g;
  const auto shape = shape_of(instruction, form, inputs[0].shape, outputs[0].shape,
                              form.pooled ? before_pooling(g) : y);
  if (form.bias) check_bias(instruction, outputs[1], shape.o);
  if (form.averaged && (g.size() != 4 || y != before_pooling(g))) {
    reject(instruction, "the gradient of the averages does not fit.");
  }
  return shape;
}

// Each gives null for what it does not do, or not best. The first that does is taken.
using Implementation = std::unique_ptr<Kernel> (*)(const ConvolutionShape&, const Options&);

std::unique_ptr<Kernel> make_spread_weight_grad(const ConvolutionShape&, const Options&);
std::unique_ptr<Kernel> make_finished_convolution(const ConvolutionShape&, const Options&);

constexpr std::array<Implementation, 6> forward_implementations{
    make_product_convolution, make_winograd_convolution, make_depthwise_convolution,
    make_direct_convolution,  onednn::make_convolution,  make_finished_convolution};
constexpr std::array<Implementation, 4> input_grad_implementations{
    make_winograd_input_grad, make_depthwise_input_grad, make_direct_input_grad,
    onednn::make_input_grad};
constexpr std::array<Implementation, 6> weight_grad_implementations{
    make_product_weight_grad, make_winograd_weight_grad, make_depthwise_weight_grad,
    make_direct_weight_grad,  make_spread_weight_grad,   onednn::make_weight_grad};

std::unique_ptr<Kernel> first_of(const auto& implementations, const ConvolutionShape& shape,
                                 const Options& options) {
  for (const Implementation make : implementations) {
    if (auto kernel = make(shape, options)) return kernel;
  }
  return nullptr;
}

// The gradient of averages of a tanh, then a weight gradient from it. Scratch: the former's result,
// then what either needs.
class SpreadWeightGrad final : public Kernel {
 public:
  SpreadWeightGrad(ConvolutionShape s, const Options& options) {
    const std::vector<std::int64_t> two{2, 2}, none{0, 0, 0, 0};
    const TensorSpec averages{DType::float32, {s.n, s.oh / 2, s.ow / 2, s.o}};
    const TensorSpec y{DType::float32, {s.n, s.oh, s.ow, s.o}};
    bytes_ = aligned(y.bytes());
    spread_ = create_kernel({"average_pool2d_tanh_grad",
                             {averages, y},
                             {y},
                             {{"window", two}, {"stride", two}, {"padding", none}}},
                            options);
    s.form.averaged = false;
    grad_ = first_of(weight_grad_implementations, s, options);
  }

  std::size_t scratch_bytes() const override {
    return bytes_ + std::max(spread_->scratch_bytes(), grad_->scratch_bytes());
  }
  void bind(const Addresses& addresses) override {
    const auto& inputs = addresses.inputs;
    void* rest = static_cast<std::byte*>(addresses.scratch) + bytes_;
    spread_->bind({{inputs[1], inputs[2]}, {addresses.scratch}, rest});
    grad_->bind({{inputs[0], addresses.scratch}, addresses.outputs, rest});
  }
  void run() override {
    spread_->run();
    grad_->run();
  }

 private:
  std::size_t bytes_;
  std::unique_ptr<Kernel> spread_, grad_;
};

std::unique_ptr<Kernel> make_spread_weight_grad(const ConvolutionShape& s, const Options& options) {
  if (!s.form.averaged) return nullptr;
  return std::make_unique<SpreadWeightGrad>(s, options);
}

// A convolution that ends no further than oneDNN's do, then one pass over y.
class FinishedConvolution final : public Kernel {
 public:
  FinishedConvolution(ConvolutionShape s, const Options& options)
      : vectors_((s.form.bias ? 1 : 0) + (s.form.scale ? 1 : 0)) {
    const TensorSpec y{DType::float32, {s.n, s.oh, s.ow, s.o}};
    const TensorSpec vector{DType::float32, {1, 1, 1, s.o}};
    Instruction pass{"elementwise", {y}, {y}, {{"shape", y.shape}}};
    std::vector<std::int64_t> strides = dense_strides(y.shape);
    const auto read = [&](const TensorSpec& spec, const std::vector<std::int64_t>& steps) {
      pass.inputs.push_back(spec);
      strides.insert(strides.end(), steps.begin(), steps.end());
    };
    for (int k = 0; k < vectors_; ++k) read(vector, {0, 0, 0, 1});
    if (s.form.residual) read(y, dense_strides(y.shape));
    pass.attributes["strides"] = strides;
    pass.attributes["program"] = program(s.form, static_cast<int>(pass.inputs.size()));
    pass.attributes["results"] = std::vector<std::int64_t>{last_};
    pass_ = create_kernel(pass, options);
    s.form.bias = s.form.scale = s.form.residual = false;
    s.form.activation = "";
    convolution_ = first_of(forward_implementations, s, options);
  }

  std::size_t scratch_bytes() const override {
    return std::max(convolution_->scratch_bytes(), pass_->scratch_bytes());
  }
  void bind(const Addresses& addresses) override {
    const auto& inputs = addresses.inputs;
    convolution_->bind({{inputs[0], inputs[1]}, addresses.outputs, addresses.scratch});
    std::vector<const void*> read{addresses.outputs[0]};
    read.insert(read.end(), inputs.begin() + 2, inputs.end());
    pass_->bind({read, addresses.outputs, addresses.scratch});
  }
  void run() override {
    convolution_->run();
    pass_->run();
  }

 private:
  // Inputs: y, then bias, scale and residual, what of them there is.
  std::string program(const FusedForm& form, int inputs) {
    std::string text;
    int next = inputs;
    const auto line = [&](const std::string& statement) {
      text += statement + "; ";
      last_ = next++;
    };
    const auto with = [&](const char* op, int operand) {
      line(std::string(op) + " " + std::to_string(last_) + " " + std::to_string(operand));
    };
    if (form.scale) with("mul", form.bias ? 2 : 1);
    if (form.bias) with("add", 1);
    if (form.residual) with("add", inputs - 1);
    if (form.activation == "relu6") {
      const int value = static_cast<int>(last_);
      line("constant float32 0.0");
      line("constant float32 6.0");
      line("clip " + std::to_string(value) + " " + std::to_string(next - 2) + " " +
           std::to_string(next - 1));
    } else if (!form.activation.empty()) {
      line(form.activation + " " + std::to_string(last_));
    }
    return text;
  }

  int vectors_;
  std::int64_t last_ = 0;
  std::unique_ptr<Kernel> convolution_, pass_;
};

std::unique_ptr<Kernel> make_finished_convolution(const ConvolutionShape& s,
                                                  const Options& options) {
  const bool fits = s.form.has_epilogue_alone() && !s.form.is_plain() &&
                    s.factors == DType::float32 && s.result == DType::float32;
  return fits ? std::make_unique<FinishedConvolution>(s, options) : nullptr;
}

template <const auto& implementations, auto read, bool pooled>
std::unique_ptr<Kernel> make(const Instruction& instruction, const Options& options) {
  const ConvolutionShape shape = read(instruction, form_of(instruction, pooled));
  if (!factors_of(instruction)) return nullptr;
  return first_of(implementations, shape, options);
}

Cut cut_of_forward(const Instruction& instruction) {  // x, and what is added to y
  Cut cut{std::vector<bool>(instruction.inputs.size(), false)};
  cut.inputs[0] = true;
  if (flag(instruction, "has_residual")) cut.inputs.back() = true;
  return cut;
}

Cut cut_of_input_grad(const Instruction& instruction) {  // all but w
  Cut cut{std::vector<bool>(instruction.inputs.size(), true)};
  cut.inputs[1] = false;
  return cut;
}

Cut cut_of_weight_grad(const Instruction& instruction) {
  return {std::vector<bool>(instruction.inputs.size(), true), true};
}

// What is pooled is not done in bfloat16.
template <bool pooled>
constexpr Registration forward{make<forward_implementations, read_forward, pooled>, !pooled,
                               cut_of_forward};
template <bool pooled>
constexpr Registration input_grad{make<input_grad_implementations, read_input_grad, pooled>,
                                  !pooled, cut_of_input_grad};
template <bool pooled>
constexpr Registration weight_grad{make<weight_grad_implementations, read_weight_grad, pooled>,
                                   !pooled, cut_of_weight_grad};

}  // namespace

void register_convolution_kernels(Registry& registry) {
  registry["conv2d"] = forward<false>;
  registry["conv2d_input_grad"] = input_grad<false>;
  registry["conv2d_weight_grad"] = weight_grad<false>;
  registry["conv2d_pooled"] = forward<true>;
  registry["conv2d_pooled_input_grad"] = input_grad<true>;
  registry["conv2d_pooled_weight_grad"] = weight_grad<true>;
}

}  // namespace sloy
