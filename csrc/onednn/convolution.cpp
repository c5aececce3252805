// oneDNN may want the weights in a layout of its own: they are reordered through scratch on each
// run.
#include "onednn/convolution.h"

#include <sstream>
#include <stdexcept>

#include "onednn/bfloat16.h"
#include "onednn/primitives.h"
#include "onednn/self_check.h"

namespace sloy::onednn {
namespace {

using dnnl::memory;

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
  d.bias = dense({s.o});
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
  return Forward(cpu_engine(), training, direct, d.x, d.any_weights, bias ? d.bias : memory::desc(),
                 d.y, d.stride, d.dilation, d.padding_begin, d.padding_end,
                 attributes_for(activation));
}

// The forward primitive that a gradient belongs to.
Forward hint_of(const ConvolutionShape& s, DataType factors) {
  return describe_forward(describe(s, {factors, factors, factors}), s.form.bias, "");
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
    auto kernel = std::make_unique<ConvolutionKernel>(shape, dense_weights);
    const bool suspect =
        is_suspect(kernel->implementation(), ConvolutionKernel::summed_channels(shape));
    if (!suspect || ConvolutionKernel::is_right(*kernel, shape)) return kernel;
  }
  throw std::runtime_error("no convolution of oneDNN gives right results for these shapes.");
}

class Convolution final : public PrimitiveKernel {
 public:
  static constexpr auto name = "conv2d";
  static constexpr auto is_right = convolution_is_right;
  static std::int64_t summed_channels(const ConvolutionShape& s) { return s.c / s.groups; }

  Convolution(const ConvolutionShape& shape, bool dense_weights = false) {
    const DataType factors = data_type(shape.factors), result = data_type(shape.result);
    const Descriptions d = describe(shape, {factors, factors, result}, dense_weights);
    const Forward forward = describe_forward(d, shape.form.bias, shape.form.activation);
    const memory::desc weights = forward.weights_desc();
    Location place = input(1);
    if (weights != d.weights) {
      place = reserve(weights.get_size());
      add_reorder(d.weights, input(1), weights, place);
    }
    std::vector<Argument> arguments = {{DNNL_ARG_SRC, d.x, input(0)},
                                       {DNNL_ARG_WEIGHTS, weights, place},
                                       {DNNL_ARG_DST, d.y, output(0)}};
    if (shape.form.bias) arguments.push_back({DNNL_ARG_BIAS, d.bias, input(2)});
    for (const auto& extra : epilogue_arguments(shape.form.activation, 4)) {
      arguments.push_back(extra);
    }
    add<dnnl::convolution_forward>(forward, arguments);
  }
};

class ConvolutionInputGrad final : public PrimitiveKernel {
 public:
  static constexpr auto name = "conv2d_input_grad";
  static constexpr auto is_right = input_grad_is_right;
  static std::int64_t summed_channels(const ConvolutionShape& s) { return s.o / s.groups; }

  ConvolutionInputGrad(const ConvolutionShape& shape, bool dense_weights = false) {
    const DataType factors = data_type(shape.factors), result = data_type(shape.result);
    const Descriptions d = describe(shape, {result, factors, factors}, dense_weights);
    const InputGrad backward(cpu_engine(), direct, d.x, d.any_weights, d.y, d.stride, d.dilation,
                             d.padding_begin, d.padding_end, hint_of(shape, factors),
                             attributes_for(""));
    const memory::desc weights = backward.weights_desc();
    Location place = input(1);
    if (weights != d.weights) {
      place = reserve(weights.get_size());
      add_reorder(d.weights, input(1), weights, place);
    }
    add<dnnl::convolution_backward_data>(backward, {{DNNL_ARG_DIFF_DST, d.y, input(0)},
                                                    {DNNL_ARG_WEIGHTS, weights, place},
                                                    {DNNL_ARG_DIFF_SRC, d.x, output(0)}});
  }
};

class ConvolutionWeightGrad final : public PrimitiveKernel {
 public:
  static constexpr auto name = "conv2d_weight_grad";
  static constexpr auto is_right = weight_grad_is_right;

  ConvolutionWeightGrad(const ConvolutionShape& shape) {
    const DataType factors = data_type(shape.factors), result = data_type(shape.result);
    // oneDNN 3.2's jit_1x1 for blocked weights races where it gathers every other pixel: with two
    // threads one gradient in three of 3 channels of 6 × 10 with stride 2 was wrong.
    const bool gathers = shape.kh * shape.kw == 1 && shape.stride[0] * shape.stride[1] > 1;
    const Descriptions d = describe(shape, {factors, result, factors}, gathers);
    const WeightGrad backward(cpu_engine(), direct, d.x, d.any_weights,
                              shape.form.bias ? d.bias : memory::desc(), d.y, d.stride, d.dilation,
                              d.padding_begin, d.padding_end, hint_of(shape, factors),
                              attributes_for(""));
    const memory::desc weights = backward.diff_weights_desc();
    const bool reorder = weights != d.weights;
    const Location place = reorder ? reserve(weights.get_size()) : output(0);
    std::vector<Argument> arguments = {{DNNL_ARG_SRC, d.x, input(0)},
                                       {DNNL_ARG_DIFF_DST, d.y, input(1)},
                                       {DNNL_ARG_DIFF_WEIGHTS, weights, place}};
    if (shape.form.bias) arguments.push_back({DNNL_ARG_DIFF_BIAS, d.bias, output(1)});
    add<dnnl::convolution_backward_weights>(backward, arguments);
    if (reorder) add_reorder(weights, place, d.weights, output(0));
  }
};

// Null where float32 is to be taken.
template <class ConvolutionKernel>
std::unique_ptr<Kernel> in_bfloat16(const ConvolutionShape& s, const Options& options) {
  // Few channels leave the multipliers idle, oneDNN 3.2's depthwise gradients are wrong now and
  // then, and on wide maps it never ends creating the weight gradient (fixed in 3.6).
  constexpr std::int64_t fewest_channels = 4, widest = 700;
  if (!takes_bfloat16(options) || s.groups > 1 || s.c < fewest_channels || s.ow > widest) {
    return nullptr;
  }
  std::ostringstream name;
  name << ConvolutionKernel::name << " x " << s.n << ' ' << s.h << ' ' << s.w << ' ' << s.c << " w "
       << s.kh << ' ' << s.kw << ' ' << s.o << " stride " << s.stride[0] << ' ' << s.stride[1]
       << " dilation " << s.dilation[0] << ' ' << s.dilation[1] << " padding";
  for (const std::int64_t padding : s.padding) name << ' ' << padding;
  name << (s.form.bias ? " bias " : " ") << s.form.activation
       << (s.result == DType::bfloat16 ? " bfloat16" : " float32") << " threads "
       << options.threads;
  return if_right(
      name.str(), [&] { return std::make_unique<ConvolutionKernel>(s); },
      [&](Kernel& kernel) { return ConvolutionKernel::is_right(kernel, s); });
}

}  // namespace

std::unique_ptr<Kernel> make_convolution(const ConvolutionShape& s, const Options& options) {
  if (!s.form.is_plain()) return nullptr;
  if (s.factors == DType::bfloat16) return in_bfloat16<Convolution>(s, options);
  return first_right<Convolution>(s);
}

std::unique_ptr<Kernel> make_input_grad(const ConvolutionShape& s, const Options& options) {
  if (!s.form.has_epilogue_alone()) return nullptr;
  if (s.factors == DType::bfloat16) return in_bfloat16<ConvolutionInputGrad>(s, options);
  return first_right<ConvolutionInputGrad>(s);
}

std::unique_ptr<Kernel> make_weight_grad(const ConvolutionShape& s, const Options& options) {
  if (!s.form.has_epilogue_alone()) return nullptr;
  if (s.factors == DType::bfloat16) return in_bfloat16<ConvolutionWeightGrad>(s, options);
  return std::make_unique<ConvolutionWeightGrad>(s);
}

}  // namespace sloy::onednn
