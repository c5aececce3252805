// conv2d (cross-correlation) and its two gradients.
// x, dx (N, H, W, C) · w, dw (KH, KW, C/groups, O) · bias, db (O,) · y, g (N, OH, OW, O), all
// dense. oneDNN may want the weights in a layout of its own: they are reordered through scratch on
// each run.
#include "kernels/convolution_shape.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "core/registry.h"
#include "core/widened.h"
#include "kernels/direct.h"
#include "kernels/winograd.h"
#include "onednn/bfloat16.h"
#include "onednn/primitives.h"
#include "onednn/self_check.h"

namespace sloy {
namespace {

using dnnl::memory;
using onednn::Argument;
using onednn::DataType;
using onednn::Location;

// (N, H, W, C) in memory, (N, C, H, W) in oneDNN's order of axes.
memory::desc image_desc(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c,
                        DataType type) {
  return {{n, c, h, w}, type, memory::dims{h * w * c, 1, w * c, c}};
}

struct DataTypes {
  DataType x, w, y;
};

struct Descriptions {
  memory::desc x, y, bias, weights, any_weights;
  memory::dims stride, dilation, padding_begin, padding_end;
};

Descriptions describe(const ConvolutionShape& s, const DataTypes& types,
                      bool dense_weights = false) {
  Descriptions d;
  d.x = image_desc(s.n, s.h, s.w, s.c, types.x);
  d.y = image_desc(s.n, s.oh, s.ow, s.o, types.y);
  d.bias = onednn::dense({s.o});
  const std::int64_t i = s.c / s.groups;
  const std::int64_t per_group = s.o / s.groups;
  const std::int64_t row = s.kw * i * s.o;
  if (s.groups == 1) {
    const memory::dims dims = {s.o, i, s.kh, s.kw};
    d.weights = {dims, types.w, memory::dims{1, s.o, row, i * s.o}};
    d.any_weights = {dims, types.w, memory::format_tag::any};
  } else {
    const memory::dims dims = {s.groups, per_group, i, s.kh, s.kw};
    d.weights = {dims, types.w, memory::dims{per_group, 1, s.o, row, i * s.o}};
    d.any_weights = {dims, types.w, memory::format_tag::any};
  }
  if (dense_weights) d.any_weights = d.weights;
  d.stride = {s.stride[0], s.stride[1]};
  d.dilation = {s.dilation[0] - 1, s.dilation[1] - 1};  // oneDNN counts the zeros between taps
  d.padding_begin = {s.padding[0], s.padding[2]};
  d.padding_end = {s.padding[1], s.padding[3]};
  return d;
}

using Forward = dnnl::convolution_forward::primitive_desc;
using InputGrad = dnnl::convolution_backward_data::primitive_desc;
using WeightGrad = dnnl::convolution_backward_weights::primitive_desc;

constexpr auto direct = dnnl::algorithm::convolution_direct;
constexpr auto training = dnnl::prop_kind::forward_training;

Forward describe_forward(const Descriptions& d, bool bias, const std::string& activation) {
  return Forward(onednn::cpu_engine(), training, direct, d.x, d.any_weights,
                 bias ? d.bias : memory::desc(), d.y, d.stride, d.dilation, d.padding_begin,
                 d.padding_end, onednn::attributes_for(activation));
}

// The forward primitive that a gradient belongs to.
Forward hint_of(const ConvolutionShape& s, DataType operands) {
  return describe_forward(describe(s, {operands, operands, operands}), s.bias, "");
}

bool is_suspect(const std::string& implementation, std::int64_t summed_channels) {
  constexpr std::int64_t vector_floats = 16;
  return implementation.find("brg") != std::string::npos && summed_channels % vector_floats != 0;
}

// The kernel for the weights' fastest layout, or, where that fails its check (self_check.h), the
// one for dense weights, which batch-reduce convolutions do not take. (To ask for the next
// implementation crashes in oneDNN 3.2.)
template <class ConvolutionKernel>
std::unique_ptr<Kernel> first_right(const ConvolutionShape& shape) {
  for (const bool dense_weights : {false, true}) {
    auto kernel =
        std::make_unique<ConvolutionKernel>(shape, DataType::f32, DataType::f32, dense_weights);
    const bool suspect =
        is_suspect(kernel->implementation(), ConvolutionKernel::summed_channels(shape));
    if (!suspect || ConvolutionKernel::is_right(*kernel, shape, {DType::float32, DType::float32}))
      return kernel;
  }
  throw std::runtime_error("no convolution of oneDNN gives right results for these shapes.");
}

class Convolution final : public onednn::PrimitiveKernel {
 public:
  static constexpr auto is_right = onednn::convolution_is_right;
  static std::int64_t summed_channels(const ConvolutionShape& s) { return s.c / s.groups; }

  Convolution(const ConvolutionShape& shape, DataType operands, DataType result,
              bool dense_weights = false) {
    const Descriptions d = describe(shape, {operands, operands, result}, dense_weights);
    const Forward forward = describe_forward(d, shape.bias, shape.activation);
    const memory::desc weights = forward.weights_desc();
    Location place = onednn::input(1);
    if (weights != d.weights) {
      place = reserve(weights.get_size());
      add_reorder(d.weights, onednn::input(1), weights, place);
    }
    std::vector<Argument> arguments = {{DNNL_ARG_SRC, d.x, onednn::input(0)},
                                       {DNNL_ARG_WEIGHTS, weights, place},
                                       {DNNL_ARG_DST, d.y, onednn::output(0)}};
    if (shape.bias) arguments.push_back({DNNL_ARG_BIAS, d.bias, onednn::input(2)});
    for (const auto& extra : onednn::epilogue_arguments(shape.activation, 4)) {
      arguments.push_back(extra);
    }
    add<dnnl::convolution_forward>(forward, arguments);
  }
};

class ConvolutionInputGrad final : public onednn::PrimitiveKernel {
 public:
  static constexpr auto is_right = onednn::input_grad_is_right;
  static std::int64_t summed_channels(const ConvolutionShape& s) { return s.o / s.groups; }

  ConvolutionInputGrad(const ConvolutionShape& shape, DataType operands, DataType result,
                       bool dense_weights = false) {
    const Descriptions d = describe(shape, {result, operands, operands}, dense_weights);
    const InputGrad backward(onednn::cpu_engine(), direct, d.x, d.any_weights, d.y, d.stride,
                             d.dilation, d.padding_begin, d.padding_end, hint_of(shape, operands),
                             onednn::attributes_for(""));
    const memory::desc weights = backward.weights_desc();
    Location place = onednn::input(1);
    if (weights != d.weights) {
      place = reserve(weights.get_size());
      add_reorder(d.weights, onednn::input(1), weights, place);
    }
    add<dnnl::convolution_backward_data>(backward, {{DNNL_ARG_DIFF_DST, d.y, onednn::input(0)},
                                                    {DNNL_ARG_WEIGHTS, weights, place},
                                                    {DNNL_ARG_DIFF_SRC, d.x, onednn::output(0)}});
  }
};

class ConvolutionWeightGrad final : public onednn::PrimitiveKernel {
 public:
  static constexpr auto is_right = onednn::weight_grad_is_right;

  ConvolutionWeightGrad(const ConvolutionShape& shape, DataType operands, DataType result) {
    // oneDNN 3.2's jit_1x1 for blocked weights races where it gathers every other pixel: with two
    // threads one gradient in three of 3 channels of 6 × 10 with stride 2 was wrong.
    const bool gathers = shape.kh * shape.kw == 1 && shape.stride[0] * shape.stride[1] > 1;
    const Descriptions d = describe(shape, {operands, result, operands}, gathers);
    const WeightGrad backward(onednn::cpu_engine(), direct, d.x, d.any_weights,
                              shape.bias ? d.bias : memory::desc(), d.y, d.stride, d.dilation,
                              d.padding_begin, d.padding_end, hint_of(shape, operands),
                              onednn::attributes_for(""));
    const memory::desc weights = backward.diff_weights_desc();
    const bool reorder = weights != d.weights;
    const Location place = reorder ? reserve(weights.get_size()) : onednn::output(0);
    std::vector<Argument> arguments = {{DNNL_ARG_SRC, d.x, onednn::input(0)},
                                       {DNNL_ARG_DIFF_DST, d.y, onednn::input(1)},
                                       {DNNL_ARG_DIFF_WEIGHTS, weights, place}};
    if (shape.bias) arguments.push_back({DNNL_ARG_DIFF_BIAS, d.bias, onednn::output(1)});
    add<dnnl::convolution_backward_weights>(backward, arguments);
    if (reorder) add_reorder(weights, place, d.weights, onednn::output(0));
  }
};

[[noreturn]] void reject(const Instruction& instruction, const std::string& why) {
  throw std::invalid_argument(instruction.op + ": " + why);
}

void check_bias(const Instruction& instruction, const TensorSpec& bias, std::int64_t outputs) {
  if (bias.dtype != DType::float32 || bias.elements() != outputs) {
    reject(instruction, "the bias must be float32, one number for each output channel.");
  }
}

// Operand order differs per op: `x`, `w`, `y` are where the three live in this instruction.
ConvolutionShape shape_of(const Instruction& instruction, const Shape& x, const Shape& w,
                          const Shape& y) {
  if (x.size() != 4 || w.size() != 4 || y.size() != 4) {
    reject(instruction, "images and weights must have four axes.");
  }
  ConvolutionShape s;
  s.n = x[0], s.h = x[1], s.w = x[2], s.c = x[3];
  s.kh = w[0], s.kw = w[1];
  s.oh = y[1], s.ow = y[2], s.o = y[3];
  s.groups = has(instruction, "groups") ? get_int(instruction, "groups") : 1;
  s.bias = has(instruction, "has_bias") && get_int(instruction, "has_bias") != 0;
  s.activation = onednn::activation_of(instruction);
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

void check_operands(const Instruction& instruction, std::size_t inputs, std::size_t outputs) {
  if (instruction.inputs.size() != inputs || instruction.outputs.size() != outputs) {
    reject(instruction, "wrong number of inputs or outputs.");
  }
}

std::size_t bias_count(const Instruction& instruction) {
  return has(instruction, "has_bias") && get_int(instruction, "has_bias") != 0 ? 1 : 0;
}

// Null where another kernel is to be taken.
template <class ConvolutionKernel>
std::unique_ptr<Kernel> in_bfloat16(const Instruction& instruction, const ConvolutionShape& s,
                                    const Options& options) {
  // Few channels leave the multipliers idle, oneDNN 3.2's depthwise gradients are wrong now and
  // then, and on wide maps it never ends creating the weight gradient (fixed in 3.6).
  constexpr std::int64_t fewest_channels = 4, widest = 700;
  if (!onednn::takes_bfloat16(options) || !onednn::is_product_of_bfloat16(instruction) ||
      s.groups > 1 || s.c < fewest_channels || s.ow > widest) {
    return nullptr;
  }
  const DType result = instruction.outputs[0].dtype;
  std::ostringstream name;
  name << instruction.op << " x " << s.n << ' ' << s.h << ' ' << s.w << ' ' << s.c << " w " << s.kh
       << ' ' << s.kw << ' ' << s.o << " stride " << s.stride[0] << ' ' << s.stride[1]
       << " dilation " << s.dilation[0] << ' ' << s.dilation[1] << " padding";
  for (const std::int64_t padding : s.padding) name << ' ' << padding;
  name << (s.bias ? " bias " : " ") << s.activation
       << (result == DType::bfloat16 ? " bfloat16" : " float32") << " threads " << options.threads;
  return onednn::if_right(
      name.str(),
      [&] {
        return std::make_unique<ConvolutionKernel>(s, DataType::bf16, onednn::data_type(result));
      },
      [&](Kernel& kernel) {
        return ConvolutionKernel::is_right(kernel, s, {DType::bfloat16, result});
      });
}

std::unique_ptr<Kernel> make_conv2d(const Instruction& instruction, const Options& options) {
  check_operands(instruction, 2 + bias_count(instruction), 1);
  const auto shape = shape_of(instruction, instruction.inputs[0].shape, instruction.inputs[1].shape,
                              instruction.outputs[0].shape);
  if (shape.bias) check_bias(instruction, instruction.inputs[2], shape.o);
  if (has_bfloat16(instruction)) return in_bfloat16<Convolution>(instruction, shape, options);
  if (auto kernel = make_winograd_convolution(shape, options)) return kernel;
  if (auto kernel = make_direct_convolution(shape, options)) return kernel;
  return first_right<Convolution>(shape);
}

// Whether dx is 0 where the last input, of its shape, is not positive.
bool is_gated(const Instruction& instruction) {
  if (!has(instruction, "gated")) return false;
  const TensorSpec &gate = instruction.inputs.back(), &dx = instruction.outputs[0];
  if (gate.dtype != DType::float32 || gate.shape != dx.shape) {
    reject(instruction, "the gate must be float32, of the shape of dx.");
  }
  return true;
}

std::unique_ptr<Kernel> make_input_grad(const Instruction& instruction, const Options& options) {
  check_operands(instruction, has(instruction, "gated") ? 3 : 2, 1);
  const bool gated = is_gated(instruction);
  const auto shape = shape_of(instruction, instruction.outputs[0].shape,
                              instruction.inputs[1].shape, instruction.inputs[0].shape);
  if (has_bfloat16(instruction)) {
    return in_bfloat16<ConvolutionInputGrad>(instruction, shape, options);
  }
  auto winograd = make_winograd_input_grad(shape, gated, options);
  if (winograd || gated) return winograd;
  if (auto kernel = make_direct_input_grad(shape, options)) return kernel;
  return first_right<ConvolutionInputGrad>(shape);
}

// The gradient of averages of a tanh, then a weight gradient from it. Scratch: the former's result,
// then what either needs.
class SpreadWeightGrad final : public Kernel {
 public:
  SpreadWeightGrad(const Instruction& whole, const Options& options)
      : bytes_((whole.inputs[2].bytes() + 63) / 64 * 64) {
    const std::vector<std::int64_t> two{2, 2}, none{0, 0, 0, 0};
    spread_ = create_kernel({"average_pool2d_tanh_grad",
                             {whole.inputs[1], whole.inputs[2]},
                             {whole.inputs[2]},
                             {{"window", two}, {"stride", two}, {"padding", none}}},
                            options);
    Instruction part = whole;
    part.inputs = {whole.inputs[0], whole.inputs[2]};
    part.attributes.erase("averaged");
    grad_ = create_kernel(part, options);
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

std::unique_ptr<Kernel> make_averaged_weight_grad(const Instruction& instruction,
                                                  const Options& options) {
  check_operands(instruction, 3, 1 + bias_count(instruction));
  const Shape &g = instruction.inputs[1].shape, &y = instruction.inputs[2].shape;
  auto shape = shape_of(instruction, instruction.inputs[0].shape, instruction.outputs[0].shape, y);
  if (shape.bias) check_bias(instruction, instruction.outputs[1], shape.o);
  if (g.size() != 4 || y != Shape{g[0], 2 * g[1], 2 * g[2], g[3]}) {
    reject(instruction, "the gradient of the averages does not fit.");
  }
  shape.averaged = true;
  if (auto kernel = make_direct_weight_grad(shape, options)) return kernel;
  return std::make_unique<SpreadWeightGrad>(instruction, options);
}

std::unique_ptr<Kernel> make_weight_grad(const Instruction& instruction, const Options& options) {
  if (has(instruction, "averaged")) return make_averaged_weight_grad(instruction, options);
  check_operands(instruction, 2, 1 + bias_count(instruction));
  const auto shape = shape_of(instruction, instruction.inputs[0].shape,
                              instruction.outputs[0].shape, instruction.inputs[1].shape);
  if (shape.bias) check_bias(instruction, instruction.outputs[1], shape.o);
  if (has_bfloat16(instruction)) {
    return in_bfloat16<ConvolutionWeightGrad>(instruction, shape, options);
  }
  if (auto kernel = make_winograd_weight_grad(shape, options)) return kernel;
  if (auto kernel = make_direct_weight_grad(shape, options)) return kernel;
  return std::make_unique<ConvolutionWeightGrad>(shape, DataType::f32, DataType::f32);
}

// Of the convolution before a pooling, from that of the maxima.
Shape before_pooling(Shape shape) {
  if (shape.size() != 4) return shape;
  shape[1] *= 2, shape[2] *= 2;
  return shape;
}

void check_places(const Instruction& instruction, const TensorSpec& places, const Shape& maxima) {
  if (places.dtype != DType::uint8 || places.shape != maxima) {
    reject(instruction, "the places must be uint8, one for each maximum.");
  }
}

std::unique_ptr<Kernel> make_pooled_conv2d(const Instruction& instruction, const Options& options) {
  const auto& [op, inputs, outputs, attributes] = instruction;
  check_operands(instruction, 2 + bias_count(instruction), outputs.size() == 2 ? 2 : 1);
  const Shape& maxima = outputs[0].shape;
  auto shape = shape_of(instruction, inputs[0].shape, inputs[1].shape, before_pooling(maxima));
  if (shape.bias) check_bias(instruction, inputs[2], shape.o);
  if (outputs.size() == 2) check_places(instruction, outputs[1], maxima);
  shape.pooled = true;
  if (auto kernel = make_pooled_convolution(shape, options)) return kernel;
  return make_direct_convolution(shape, options);
}

std::unique_ptr<Kernel> make_pooled_conv2d_input_grad(const Instruction& instruction,
                                                      const Options& options) {
  check_operands(instruction, has(instruction, "gated") ? 4 : 3, 1);
  const auto& [op, inputs, outputs, attributes] = instruction;
  const Shape& g = inputs[0].shape;
  check_places(instruction, inputs[2], g);
  return make_pooled_input_grad(
      shape_of(instruction, outputs[0].shape, inputs[1].shape, before_pooling(g)),
      is_gated(instruction), options);
}

std::unique_ptr<Kernel> make_pooled_conv2d_weight_grad(const Instruction& instruction,
                                                       const Options& options) {
  check_operands(instruction, 3, 1 + bias_count(instruction));
  const auto& [op, inputs, outputs, attributes] = instruction;
  const Shape& g = inputs[1].shape;
  check_places(instruction, inputs[2], g);
  auto shape = shape_of(instruction, inputs[0].shape, outputs[0].shape, before_pooling(g));
  if (shape.bias) check_bias(instruction, outputs[1], shape.o);
  shape.pooled = true;
  if (auto kernel = make_pooled_weight_grad(shape, options)) return kernel;
  return make_direct_weight_grad(shape, options);
}

}  // namespace

void register_onednn_convolution_kernels(Registry& registry) {
  registry["conv2d"] = make_conv2d;
  registry["conv2d_input_grad"] = make_input_grad;
  registry["conv2d_weight_grad"] = make_weight_grad;
  registry["conv2d_pooled"] = make_pooled_conv2d;
  registry["conv2d_pooled_input_grad"] = make_pooled_conv2d_input_grad;
  registry["conv2d_pooled_weight_grad"] = make_pooled_conv2d_weight_grad;
}

}  // namespace sloy
